// The floor: the cost of a Node that only makes one request a minute with node:https. It replaces smm-agent.js, so that
// the launcher starts it with the same Node and the same flags.
const https = require('node:https');
const { readFileSync } = require('node:fs');
const { BENCH_URL, BENCH_CA, BENCH_TOKEN } = process.env;
const options = {
  ca: readFileSync(BENCH_CA),
  headers: { Authorization: `Bearer ${readFileSync(BENCH_TOKEN, 'utf8')}` },
};

function ask() {
  https.get(BENCH_URL, options, (answer) => answer.resume()).on('error', (error) => console.error(error));
}

ask();
setInterval(ask, 60_000);
