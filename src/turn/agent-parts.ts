/** The parts of an agent. */
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
  /** The process's notes, which it closes at an orderly end; default: new ones. */
  risks?: RiskyInputs;
  /** The source of `config`; left out if the status does not show it. */
  inEffect?: ConfigInEffect;
}
