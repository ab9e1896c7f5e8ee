/** The commands of the publisher, in the order in which help lists them. */
import type { Command } from './command.ts';

export const commands: Readonly<Record<string, () => Promise<Command>>> = {
  init: () => import('./init.ts'),
  add: () => import('./add.ts'),
  withdraw: () => import('./withdraw.ts'),
  refresh: () => import('./refresh.ts'),
  verify: () => import('./verify.ts'),
  announce: () => import('./announce.ts'),
  rotate: () => import('./rotate.ts'),
  'renew-root': () => import('./renew-root.ts'),
  sign: () => import('./sign.ts'),
  'publish-root': () => import('./publish-root.ts'),
};
