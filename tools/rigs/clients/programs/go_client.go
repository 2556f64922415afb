// SPDX-License-Identifier: GPL-2.0-only

// Go's database/sql with go-sql-driver/mysql.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync"

	_ "github.com/go-sql-driver/mysql"
)

const (
	statement = "SELECT COUNT(*) FROM orders"
	poolSize  = 4
)

type querier interface {
	QueryRowContext(ctx context.Context, query string, arguments ...interface{}) *sql.Row
}

func counted(connection querier) string {
	var count int
	if err := connection.QueryRowContext(context.Background(), statement).Scan(&count); err != nil {
		return "error " + strings.Join(strings.Fields(err.Error()), " ")
	}
	return fmt.Sprintf("ok %d", count)
}

func open(source string) *sql.DB {
	db, err := sql.Open("mysql", source)
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	return db
}

func useAll(db *sql.DB) {
	var group sync.WaitGroup
	seen := make([]string, poolSize)
	for i := range seen {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			seen[i] = counted(db)
		}(i)
	}
	group.Wait()
	for _, one := range seen {
		fmt.Println(">", one)
	}
}

func fill(db *sql.DB) {
	var connections []*sql.Conn
	for i := 0; i < poolSize; i++ {
		connection, err := db.Conn(context.Background())
		if err != nil {
			fmt.Println("> error", err)
			return
		}
		connections = append(connections, connection)
	}
	for _, connection := range connections {
		connection.Close()
	}
	fmt.Println("> ok", poolSize)
}

func main() {
	source := fmt.Sprintf("%s:%s@tcp(127.0.0.1:%s)/shop", os.Getenv("DB_USER"),
		os.Getenv("DB_PASSWORD"), os.Getenv("DB_PORT"))
	if os.Getenv("DB_TLS") == "1" {
		source += "?tls=skip-verify"
	}
	pool := open(source)
	var kept *sql.Conn
	fmt.Println("> ready")
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		switch input.Text() {
		case "connect":
			db := open(source)
			fmt.Println(">", counted(db))
			db.Close()
		case "keep":
			kept, _ = open(source).Conn(context.Background())
			fmt.Println(">", counted(kept))
		case "kept":
			fmt.Println(">", counted(kept))
		case "fill":
			fill(pool)
		default:
			useAll(pool)
		}
		fmt.Println("> done")
	}
}
