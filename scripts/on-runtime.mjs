/**
 * `npm run <command>` on a fresh machine: installs what is missing, then runs scripts/commands/<command>.ts on the
 * pinned Node, with any Node of the machine. Plain JavaScript that Node 20 runs.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { install, projectRoot } from './installation.mjs';

const OLDEST_OWN_NODE = 24;

function pinnedNode(root) {
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).config.runtime;
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number.parseInt(process.versions.node, 10) >= OLDEST_OWN_NODE) {
    console.error(
      `Node ${version} is not packaged for ${process.platform}-${process.arch}; going on with ${process.version}`,
    );
    return process.execPath;
  }
  throw new Error(
    `cannot run on ${process.platform}-${process.arch} with Node ${process.version}: Node ${version} is packaged for ` +
      `linux-x64 and linux-arm64 only; elsewhere install Node ${OLDEST_OWN_NODE} or later`,
  );
}

function main([command, ...args]) {
  const script = join(projectRoot, 'scripts', 'commands', `${command?.replace(':', '-')}.ts`);
  if (!existsSync(script)) throw new Error(`cannot find the command ${command}: there is no ${script}`);
  install(projectRoot);
  const child = spawn(pinnedNode(projectRoot), [script, ...args], { stdio: 'inherit', cwd: projectRoot });
  // A terminal signals the whole group. A signal of a service
  // manager or another script to this process only is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', fail);
  child.on('close', (status, signal) => {
    process.exitCode = status ?? 128 + constants.signals[signal];
  });
}

function fail(error) {
  console.error(error.message);
  process.exitCode = 1;
}

try {
  main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
