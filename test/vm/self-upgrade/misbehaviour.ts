/** What a bad version of the agent does: JavaScript that runs before the real one does, in the same process. */

/** Only the daemon; the self-check before the switch finds nothing wrong. */
const daemonOnly = (code: string): string => `if (process.argv.includes('run')) { ${code} }\n`;

/** Daemon and self-check alike, as soon as this version is the current one: no check before the switch finds it. */
const onceCurrent = (version: string, code: string): string =>
  `if (require('node:fs').readlinkSync('/opt/smm-agent/current') === 'versions/${version}') { ${code} }\n`;

/** Tells systemd that it is up, as the agent does, and then does `code` in place of its work. */
const afterReady = (code: string): string =>
  daemonOnly(`require('node:child_process').execFileSync('systemd-notify', ['--ready']); ${code}; return;`);

const WAIT = 'setInterval(() => {}, 1_000_000)';
const FEED = "setInterval(() => require('node:child_process').execFile('systemd-notify', ['WATCHDOG=1']), 5_000)";

export const exits = (status: number): string => daemonOnly(`process.exit(${status});`);
export const DIES_OF_SIGSEGV = daemonOnly("process.kill(process.pid, 'SIGSEGV'); return;");
export const HANGS_BEFORE_READY = daemonOnly(`${WAIT}; return;`);
/** And is never heard of again. */
export const HANGS_AFTER_READY = afterReady(WAIT);
/** With a loop that moves, which feeds the watchdog. */
export const IDLES_AFTER_READY = afterReady(FEED);
export const SPINS = afterReady('for (;;);');

/** As soon as its daemon asks the control plane, and for as long as the file is there. */
export const diesWhereThereIs = (file: string): string =>
  daemonOnly(`
  const { Agent } = require('node:https');
  const { createConnection } = Agent.prototype;
  Agent.prototype.createConnection = function (...args) {
    if (require('node:fs').existsSync('${file}')) process.exit(3);
    return createConnection.apply(this, args);
  };`);

/** A version that knows less than it says: it reads agent.yaml as if a key of it were unknown. */
export const REFUSES_CONFIGURATION = `
  const files = require('node:fs/promises');
  const { readFile } = files;
  files.readFile = async (path, ...more) => {
    const content = await readFile(path, ...more);
    if (!String(path).endsWith('/agent.yaml')) return content;
    const changed = Buffer.concat([Buffer.from(content), Buffer.from('\\nunheardOf: true\\n')]);
    return Buffer.isBuffer(content) ? changed : changed.toString();
  };
`;
export const refusesConfigurationOnceCurrent = (version: string): string => onceCurrent(version, REFUSES_CONFIGURATION);

export const cannotConnectOnceCurrent = (version: string): string =>
  onceCurrent(
    version,
    `require('node:https').Agent.prototype.createConnection = () => { throw new Error('this version cannot connect'); };`,
  );
