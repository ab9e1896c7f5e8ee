/**
 * Every absolute path that the agent knows, in one place and under one root,
 * so that the demo and the tests can run below a temporary folder.
 */
import { join } from 'node:path';

export type Paths = ReturnType<typeof pathsUnder>;

/** The paths of a machine whose file system begins at `root` ('/' on a real one). */
export function pathsUnder(root: string) {
  const at = (path: string) => join(root, path);
  return {
    root,
    /** The operator's intent. The daemon never writes it. */
    config: at('/etc/smm/agent.yaml'),
    credentials: at('/etc/smm/credentials'),
    /** The agent's own programs and Istio's releases. Nothing here is owned by dpkg or rpm. */
    opt: at('/opt/smm-agent'),
    bin: at('/opt/smm-agent/bin'),
    /** The agent's own versions and the runtimes that they name; two links name one version each. */
    versions: at('/opt/smm-agent/versions'),
    runtimes: at('/opt/smm-agent/runtimes'),
    current: at('/opt/smm-agent/current'),
    previous: at('/opt/smm-agent/previous'),
    releases: at('/opt/smm-agent/istio/releases'),
    active: at('/opt/smm-agent/istio/active'),
    staged: at('/opt/smm-agent/istio/staged'),
    /** Findings: what the agent learnt and must remember (rejected releases, confirmations). */
    state: at('/var/lib/smm-agent'),
    /** Findings about the agent's own versions. Shared with systemd/bin/agent-guard. */
    agentState: at('/var/lib/smm-agent/agent'),
    probation: at('/var/lib/smm-agent/agent/probation'),
    /** Made by `smm-agent hold` when agent.yaml cannot be edited. */
    emergencyHold: at('/var/lib/smm-agent/hold'),
    /** The newest metadata of the repository: untrusted input. */
    repositoryCache: at('/var/lib/smm-agent/repository'),
    history: at('/var/lib/smm-agent/history.jsonl'),
    downloads: at('/var/cache/smm-agent'),
    run: at('/run/smm-agent'),
    /** Held while agent.yaml is edited. */
    configLock: at('/run/smm-agent/config.lock'),
    /** Written by istio-activate: Istio's last start and last end since the machine was booted. */
    startRecord: at('/run/smm-agent/istio-started'),
    stopRecord: at('/run/smm-agent/istio-stopped'),
    /** Written by a version on probation after each turn that did not confirm it: what is still missing. */
    turnRecord: at('/run/smm-agent/agent-turn'),
    /** Written by the agent: the identity under which it holds its Lease. */
    leaseHolder: at('/run/smm-agent/lease-holder'),
    /** Written by agent-guard: how many times in a row the agent failed before it completed a turn. */
    failedStarts: at('/run/smm-agent/agent-failed'),
    /** The drop-in as the package brings it; src/istio/activation/drop-in.ts installs it. */
    dropInTemplate: at('/usr/lib/smm-agent/istio.service.d-zz-smm-agent.conf'),
    statusFile: at('/run/smm-agent/status.json'),
    /** Which daemon runs, and the turn that it is making. */
    activityFile: at('/run/smm-agent/activity.json'),
    socket: at('/run/smm-agent/agent.sock'),
    /** What Istio's own package installs and reads. */
    istio: {
      unitFile: at('/lib/systemd/system/istio.service'),
      /** Exists only while the package that brought `unitFile` is removed: kept-unit.ts. */
      keptUnitFile: at('/etc/systemd/system/istio.service'),
      dropIn: at('/etc/systemd/system/istio.service.d/zz-smm-agent.conf'),
      envoy: at('/usr/local/bin/envoy'),
      pilotAgent: at('/usr/local/bin/pilot-agent'),
      startScript: at('/usr/local/bin/istio-start.sh'),
      bootstrapTemplate: at('/var/lib/istio/envoy/envoy_bootstrap_tmpl.json'),
      clusterEnv: at('/var/lib/istio/envoy/cluster.env'),
      sidecarEnv: at('/var/lib/istio/envoy/sidecar.env'),
      mesh: at('/etc/istio/config/mesh'),
    },
    hosts: at('/etc/hosts'),
    machineId: at('/etc/machine-id'),
    bootId: at('/proc/sys/kernel/random/boot_id'),
    /** The boot id that process 1 sees: in a container, a sandboxed unit sees another one at `bootId`. */
    bootIdOfInit: at('/proc/1/root/proc/sys/kernel/random/boot_id'),
  };
}

/** The place, below this root, of a file that the configuration names by its absolute path. */
export function onMachine(paths: Paths, path: string): string {
  return join(paths.root, path);
}
