/**
 * Takes the steps for the agent's own versions. Their imports are late: most agents run for months without such a step.
 */
import { AgentError } from '../../base/errors.ts';
import type { Step } from '../../decision/step.ts';
import { checkpoint } from '../../host/files/checkpoints.ts';
import type { Archives } from '../../versions/prepare.ts';
import { AGENT_UNIT } from '../../versions/unit.ts';
import type { Hands, StepContext } from './step-context.ts';

/** A security patch of Istio must not wait longer than this for an upgrade. The next try resumes the download. */
const LONGEST_TRY_MS = 10 * 60_000;

export async function upgrade(
  { version, from, repository }: Extract<Step, { do: 'upgrade-agent' }>,
  { paths, clock, services, repository: open }: Hands,
  { tell, signal }: StepContext,
): Promise<void> {
  const { upgradeAgent } = await import('../../versions/upgrade.ts');
  const archives: Archives = {
    fetch: async (target, options) => {
      const signed = await open(repository);
      return signed.fetch(await signed.target(target, options.signal), options);
    },
  };
  const late = new AbortController();
  const sentence = `cannot upgrade to smm-agent ${version} within ${LONGEST_TRY_MS / 60_000} minutes`;
  const reason = new AgentError('SMM708', sentence, 'nothing: the next try goes on with what has been downloaded');
  const timer = setTimeout(() => late.abort(reason), LONGEST_TRY_MS);
  try {
    await upgradeAgent({ paths, clock, services, archives }, from, version, {
      signal: AbortSignal.any([signal, late.signal]),
      onProgress: ({ bytes, total }) => tell({ kind: 'progress', bytes, total }),
    });
  } finally {
    clearTimeout(timer);
  }
}

export async function restart({ services }: Pick<Hands, 'services'>): Promise<void> {
  checkpoint('agent-restart-due');
  await services.requestRestart(AGENT_UNIT);
}

export async function cleanVersions(
  { remove }: Extract<Step, { do: 'clean-versions' }>,
  { paths }: Hands,
): Promise<void> {
  const { forgetVersions } = await import('../../versions/clean.ts');
  const { VersionStore } = await import('../../versions/store.ts');
  await forgetVersions(new VersionStore(paths), remove);
}
