// A throw-away `strongroom dev` for the tests of one file; each test is the root of a fresh account on it.
'use strict';

const assert = require('node:assert/strict');
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const { KMSClient } = require('@aws-sdk/client-kms');

const READY = 'strongroom is ready at ';
const MEMORY = '/dev/shm';
const STOP_MILLISECONDS = 30_000;

/** Starts a server. It ends with this process, however that dies: it stops when its standard input ends. */
async function start() {
  const parent = fs.existsSync(MEMORY) ? MEMORY : os.tmpdir();
  const place = fs.mkdtempSync(path.join(parent, 'strongroom-js-'));
  const log = fs.openSync(path.join(place, 'log'), 'w');
  const options = ['--listen', '127.0.0.1:0', '--until-stdin-ends', '--data-dir', path.join(place, 'data')];
  // In a run with a second token: cargo xtask test --pq.
  const module = process.env.STRONGROOM_PQ_MODULE;
  options.push(...(module ? ['--pq-module', module] : []));
  const child = childProcess.spawn(process.env.STRONGROOM_BIN, ['dev', ...options], { stdio: ['pipe', 'pipe', log] });
  const ended = new Promise((resolve) => child.once('exit', (...status) => resolve(status)));
  for await (const line of readline.createInterface({ input: child.stdout })) {
    if (line.startsWith(READY)) {
      return { endpoint: line.slice(READY.length).trim(), stop: () => stop(child, ended, place) };
    }
  }
  throw new Error(`strongroom did not become ready:\n${fs.readFileSync(path.join(place, 'log'), 'utf8')}`);
}

async function stop(child, ended, place) {
  child.kill('SIGTERM');
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
  const status = await ended;
  clearTimeout(impatience);
  const log = fs.readFileSync(path.join(place, 'log'), 'utf8');
  fs.rmSync(place, { recursive: true });
  assert.deepEqual(status, [0, null], log);
}

/** Twelve digits that no other test uses. */
function freshAccount() {
  return String(crypto.randomInt(10 ** 11, 10 ** 12));
}

/** A client for the root of a fresh account, which asks once only; of another version of the SDK if one is named. */
function freshClient(server, Client = KMSClient) {
  return new Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: freshAccount(), secretAccessKey: 'test' },
    maxAttempts: 1,
  });
}

module.exports = { freshAccount, freshClient, start };
