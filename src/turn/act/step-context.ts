/** What a step works with. */
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
  /** The signed repository, opened once in a turn; rejects with SMM706 if none is configured. */
  repository(url: string | null): Promise<SignedRepository>;
  /** Which package the control plane accepts from a mirror: `packagePin`. */
  pinOf(istioVersion: string, architecture: string): string | null;
}

export interface StepContext {
  /**
   * The observation of this turn. Steps for the agent's own version must not need it, since the observation may have
   * failed.
   */
  observed(): Promise<Observation>;
  tell: Tell;
  signal: AbortSignal;
}
