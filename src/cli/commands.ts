/** The commands. Each is loaded only when it is used, so that the daemon's memory holds no code of the others. */
import type { Commands } from './command.ts';

/** In the order in which `smm-agent help` lists them. */
const withoutHelp: Commands = {
  status: () => import('./status.ts'),
  pending: () => import('./pending.ts'),
  version: () => import('./version.ts'),
  reconcile: () => import('./reconcile.ts'),
  'restart-istio': () => import('./restart-istio.ts'),
  set: () => import('./set.ts'),
  'show-config': () => import('./show-config.ts'),
  render: () => import('./render-command.ts'),
  adopt: () => import('./adopt.ts'),
  history: () => import('./history.ts'),
  hold: () => import('./hold.ts'),
  unhold: () => import('./unhold.ts'),
  retry: () => import('./retry.ts'),
  rollback: () => import('./rollback.ts'),
  'self-check': () => import('./self-check.ts'),
  reload: () => import('./reload.ts'),
  'report-removal': () => import('./report-removal.ts'),
  run: () => import('./run.ts'),
};

export const commands: Commands = {
  ...withoutHelp,
  help: async () => (await import('./help.ts')).help(commands),
};
