/**
 * What must not exist when Istio is adopted and the drop-in is installed:
 * another way of starting Istio, or its files elsewhere. Pure.
 */
import { dirname } from 'node:path';
import { type Finding, named, redirections, type UnitFacts } from './finding.ts';

/** Before the drop-in is installed: it would silently replace an operator's own way of starting Istio. */
export function beforehand({ unit, paths, unitFiles }: UnitFacts): Finding[] {
  const findings = elsewhere({ unit, paths, unitFiles });
  const starts = unit.execStart.map(({ argv }) => argv.join(' '));
  if (starts.length === 1 && starts[0] === paths.istio.startScript) return findings;
  const what = `starts Istio by another command than its package's (${starts.join(' ; ') || 'none'})`;
  const remedy = 'remove that ExecStart: smm-agent sets it to the start script of the active release';
  return [named(unitFiles, 'ExecStart', unit.fragmentPath, what, remedy, () => true), ...findings];
}

/**
 * Programs or files of Istio that lie elsewhere: an adoption
 * copies those of the package, which are not the ones that run.
 */
function elsewhere({ unit, paths, unitFiles }: Pick<UnitFacts, 'unit' | 'paths' | 'unitFiles'>): Finding[] {
  const { pilotAgent, bootstrapTemplate, clusterEnv, sidecarEnv } = paths.istio;
  const packaged = {
    ISTIO_BIN_BASE: dirname(pilotAgent),
    ISTIO_BOOTSTRAP: bootstrapTemplate,
    ISTIO_CLUSTER_CONFIG: clusterEnv,
    ISTIO_SIDECAR_CONFIG: sidecarEnv,
  };
  const ours = redirections(paths);
  return Object.entries(packaged)
    .filter(([key, value]) => ![undefined, value, ours.get(key)].includes(unit.environment[key]))
    .map(([key, value]) => {
      const what = `sets ${key}: files that lie elsewhere are not adopted`;
      const remedy = `move it to ${value}, remove ${key}, then run systemctl daemon-reload`;
      const mentions = new RegExp(`(^|[\\s"'])${key}=`);
      return named(unitFiles, 'Environment', unit.fragmentPath, what, remedy, (_, text) => mentions.test(text));
    });
}
