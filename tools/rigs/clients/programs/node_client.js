// SPDX-License-Identifier: GPL-2.0-only
// npm's mysql2 and mariadb.
'use strict';

const readline = require('readline');
const { createRequire } = require('module');

const [, , name, folder, extra] = process.argv;
const installed = createRequire(`${folder}/package.json`);
const STATEMENT = 'SELECT COUNT(*) AS count FROM orders';
const POOL = 4;
const options = {
  host: '127.0.0.1',
  port: Number(process.env.DB_PORT),
  user: process.env.DB_USER,
  password: process.env.DB_PASSWORD,
  database: 'shop',
  ...JSON.parse(extra || '{}'),
};
if (process.env.DB_TLS === '1') options.ssl = { rejectUnauthorized: false };

const driver = name === 'mysql2' ? installed('mysql2/promise') : installed('mariadb');
const pool = driver.createPool({ ...options, connectionLimit: POOL });
let kept;

async function counted(connection) {
  const answer = await connection.query(STATEMENT);
  const rows = name === 'mysql2' ? answer[0] : answer;
  return String(rows[0].count);
}

async function outcome(call) {
  try {
    return `ok ${await call()}`;
  } catch (error) {
    const code = error.errno || error.code || '';
    return `error ${code} ${String(error.message).replace(/\s+/g, ' ')}`;
  }
}

const all = (call) => Promise.all(Array.from({ length: POOL }, () => outcome(call)));

const commands = {
  connect: async () => [
    await outcome(async () => {
      const connection = await driver.createConnection(options);
      connection.on('error', () => {});
      const count = await counted(connection);
      await connection.end();
      return count;
    }),
  ],
  keep: async () => [
    await outcome(async () => {
      kept = await driver.createConnection(options);
      kept.on('error', () => {}); // one that nobody listens to ends the program
      return counted(kept);
    }),
  ],
  kept: async () => [await outcome(() => counted(kept))],
  fill: () => all(() => counted(pool)),
  pool: () => all(() => counted(pool)),
};

console.log('> ready');
let last = Promise.resolve();
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  last = last.then(async () => {
    for (const seen of await commands[line]()) console.log(`> ${seen}`);
    console.log('> done');
  });
}).on('close', () => process.exit(0));
