/**
 * Programs run as the user that runs Envoy: what root may execute or enter says nothing about what istio-proxy may. The agent itself may
 * not become another user, so systemd is asked: what it runs sees the machine as Istio does, with modes, owners, groups, ACLs and mounts.
 */

import type { Paths } from '../base/paths.ts';
import { isRoot } from '../host/files/files.ts';
import { type RunOptions, type RunResult, run } from '../host/programs/programs.ts';

/** Of Istio's package: its start script starts pilot-agent as this user. */
const PROXY_USER = 'istio-proxy';

export type RunAsProxy = (argv: readonly [string, ...string[]], options?: RunOptions) => Promise<RunResult>;

/** As `run`. Below another root than '/', without root, and on a machine without that user the program runs as this one's user. */
export function asProxy({ root }: Pick<Paths, 'root'>): RunAsProxy {
  return async (argv, options = {}) => {
    if (root !== '/' || !isRoot() || !(await hasProxyUser())) return run(argv, options);
    const { timeoutMs = 30_000 } = options;
    const asked = ['systemd-run', '--quiet', '--wait', '--pipe', '--collect', `--uid=${PROXY_USER}`] as const;
    // systemd ends it as well: what is given up here must not run on. Its two lines in the journal would say nothing.
    const limits = [`--property=RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`, '--property=LogLevelMax=warning'];
    return run([...asked, ...limits, '--', ...argv], options);
  };
}

async function hasProxyUser(): Promise<boolean> {
  return (await run(['id', '-u', PROXY_USER])).status === 0;
}
