/** What a step is done with. */
import type { Paths } from '../../base/paths.ts';
import type { Config } from '../../config/schema.ts';
import type { SignedRepository } from '../../downloads/signed/signed-repository.ts';
import type { Clock } from '../../host/clock.ts';
import type { ServiceManager } from '../../host/systemd/service-manager.ts';
import type { Observation } from '../../observation/observation.ts';
import type { Tell } from '../events.ts';

export interface Hands {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  config: Config;
  /** The signed repository as one turn sees it; rejects with SMM706 where nobody names one. */
  repository(url: string | null): Promise<SignedRepository>;
  /** What the control plane lets a mirror hand out: `packagePin`. */
  pinOf(istioVersion: string, architecture: string): string | null;
}

export interface StepContext {
  /** Of this turn. Steps about the agent's own version need none: it can be what failed. */
  observed(): Promise<Observation>;
  tell: Tell;
  signal: AbortSignal;
}
