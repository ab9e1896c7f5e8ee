/** `smm-agent restart-istio`: an operator's explicit request. The only command that restarts Istio. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { ask } from '../daemon/socket/client.ts';
import { systemClock } from '../host/clock.ts';
import { isMasked } from '../host/systemd/service-manager.ts';
import { ISTIO_UNIT } from '../istio/activation/drop-in.ts';
import type { Observation } from '../observation/observation.ts';
import { observeHere, servicesHere } from '../operator/without-daemon.ts';

export const spec = {
  name: 'restart-istio',
  summary: 'restart Istio now, into the staged release; its connections are dropped',
  forms: ['[--if-pending]'],
  description: `Runs systemctl restart istio, waits until Envoy has started (at most a minute), and names the release that runs.
Istio cannot be restarted on a virtual machine without dropping open connections.`,
  options: { 'if-pending': { type: 'boolean', help: 'do nothing unless a restart is pending' } },
} as const satisfies CommandSpec;

/** systemd reports istio.service as active long before pilot-agent has started Envoy. */
const PATIENCE_MS = 60_000;
const BETWEEN_MS = 500;
const SEEN_MS = 10_000;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const { pending, unit } = await observeHere(io.paths);
  if (values['if-pending'] && pending.answer === 'unknown') {
    const sentence = `cannot tell whether a restart is pending: ${pending.reason}`;
    throw new AgentError('SMM605', sentence, 'see smm-agent status; without --if-pending Istio is restarted anyway');
  }
  if (values['if-pending'] && pending.answer === 'no') {
    io.stdout.write('no restart is pending: nothing was done\n');
    return EXIT.ok;
  }
  if (isMasked(unit)) {
    throw new AgentError('SMM531', 'cannot restart istio.service: it is masked', 'run systemctl unmask istio first');
  }
  await servicesHere(io.paths).restart(ISTIO_UNIT);
  io.stdout.write('istio.service was restarted, waiting for Envoy\n');
  const { running, releases, rejected } = await untilUp(io.paths, observeHere);
  if (pending.answer === 'yes' && running.answer === 'release' && running.id !== pending.staged) {
    const why = rejected.get(pending.staged)?.reason ?? 'the journal of istio.service says why';
    const sentence = `cannot run release ${pending.staged}: Istio came up as ${running.id} instead: ${why}`;
    throw new AgentError('SMM607', sentence, 'see smm-agent history and journalctl -u istio');
  }
  const manifest =
    running.answer === 'release' ? releases.find((release) => release.manifest.id === running.id)?.manifest : undefined;
  const what =
    manifest === undefined
      ? "the package's own Istio runs"
      : `Istio ${manifest.istioVersion} of revision ${manifest.revision ?? 'unknown'} runs (${manifest.id})`;
  io.stdout.write(`${what}\n`);
  await untilSeen(io);
  return EXIT.ok;
}

/** Has the daemon look at the machine, so that the next smm-agent status shows the state after the restart. */
async function untilSeen({ paths, stderr }: Io): Promise<void> {
  const late = AbortSignal.timeout(SEEN_MS);
  try {
    await ask(paths.socket, { do: 'look' }, () => {}, late);
  } catch (error) {
    // The daemon is busy with a long turn, or has stopped: Istio was restarted all the same.
    if (!(error instanceof AgentError)) throw error;
    if (!late.aborted) stderr.write(`smm-agent: warning: the agent has not seen the restart yet: ${error.message}\n`);
  }
}

/** Rejects with SMM607 when Envoy does not start in time, or istio.service has failed. */
async function untilUp(paths: Paths, look: (paths: Paths) => Promise<Observation>): Promise<Observation> {
  const begun = systemClock.bootTimeMs();
  for (;;) {
    const seen = await look(paths);
    if (seen.running.answer === 'release' || seen.running.answer === 'package') return seen;
    const isLate = systemClock.bootTimeMs() - begun > PATIENCE_MS;
    if (isLate || seen.unit.activeState === 'failed') {
      const { running } = seen;
      const seenRunning = running.answer === 'unknown' ? running.reason : 'no Envoy runs';
      const why = isLate ? `${seenRunning} after ${PATIENCE_MS / 1000} s` : 'istio.service has failed';
      const remedy =
        'see journalctl -u istio; a release that exits three times at its start is rolled back automatically';
      throw new AgentError('SMM607', `cannot see Istio running after its restart: ${why}`, remedy);
    }
    await systemClock.sleep(BETWEEN_MS);
  }
}
