/** What an agent is put together from. */
import type { Paths } from '../base/paths.ts';
import type { Config } from '../config/schema.ts';
import type { Clock } from '../host/clock.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import type { ConfigInEffect } from '../observation/settings.ts';
import type { ControlPlane } from './control-plane.ts';
import type { RiskyInputs } from './risky-inputs.ts';

export interface AgentParts {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  config: Config;
  controlPlane: ControlPlane;
  /** $INVOCATION_ID of a daemon that systemd runs; null elsewhere. */
  invocation: string | null;
  /** Of this process, which ends them in order; default: one of its own. */
  risks?: RiskyInputs;
  /** Where `config` comes from; left out where nobody is told. */
  inEffect?: ConfigInEffect;
}
