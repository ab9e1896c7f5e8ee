/** TUF's four roles: who signs what, and for how long. */

/** In the order in which a change is published; root is not part of that. */
export const ONLINE_ROLES = ['targets', 'snapshot', 'timestamp'] as const;
export type OnlineRole = (typeof ONLINE_ROLES)[number];

export const ROLES = ['root', ...ONLINE_ROLES] as const;
export type RoleName = (typeof ROLES)[number];

/** How many keys a role has, and how many of them must sign. */
export interface KeyCount {
  keys: number;
  threshold: number;
}

/** One of three root keys may be lost, and one alone may be stolen. The others are at hand wherever `refresh` runs. */
export const DEFAULT_KEYS: Record<RoleName, KeyCount> = {
  root: { keys: 3, threshold: 2 },
  targets: { keys: 1, threshold: 1 },
  snapshot: { keys: 1, threshold: 1 },
  timestamp: { keys: 1, threshold: 1 },
};

/**
 * How long a signature is valid. For a timestamp: how long a
 * stale mirror can go unnoticed, and how long `refresh` may fail.
 */
export const DEFAULT_EXPIRES: Record<RoleName, string> = {
  root: '365d',
  targets: '90d',
  snapshot: '21d',
  timestamp: '7d',
};
