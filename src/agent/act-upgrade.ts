/** Does the steps that are about the agent's own versions. What they need is imported late: most agents live for months without. */
import { AgentError } from '../errors.ts';
import type { Archives } from '../upgrade/prepare.ts';
import type { Hands, StepContext } from './act.ts';
import type { Step } from './decision.ts';

/** A try does not keep a security patch of Istio waiting for longer; what has come until then is kept for the next. */
const LONGEST_TRY_MS = 10 * 60_000;

/** Tells itself that it is done: the restart that it asks for ends this process. */
export async function upgrade(
  { version, from, repository }: Extract<Step, { do: 'upgrade-agent' }>,
  { paths, clock, services, repository: open }: Hands,
  { tell, signal }: StepContext,
): Promise<void> {
  const { upgradeAgent } = await import('../upgrade/upgrade.ts');
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
      onSwitched: () =>
        tell({
          kind: 'done',
          step: 'upgrade-agent',
          text: `smm-agent ${version} is in place and has checked itself; the agent restarts, and Istio is not touched`,
        }),
    });
  } finally {
    clearTimeout(timer);
  }
}

export async function cleanVersions(
  { remove }: Extract<Step, { do: 'clean-versions' }>,
  { paths }: Hands,
): Promise<void> {
  const { forgetVersions } = await import('../upgrade/clean.ts');
  const { VersionStore } = await import('../upgrade/store.ts');
  await forgetVersions(new VersionStore(paths), remove);
}
