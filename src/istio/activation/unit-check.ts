import type { ExecCommand } from '../../host/systemd/service-manager.ts';
import { RELEASE_FILES } from '../release.ts';
import { beforehand } from './beforehand.ts';
import { defeatingEnvironment } from './environment-check.ts';
import { type Finding, named, redirections, type UnitFacts } from './finding.ts';

/** Whether istio.service starts and stops Istio as our drop-in says. Pure. */
export type UnitCheck =
  | { answer: 'ours' }
  /** The drop-in is missing, not read by systemd, or from another version of the package: it must be installed. */
  | { answer: 'absent'; reason: string }
  | { answer: 'blocked'; findings: Finding[] };

export function checkUnit(facts: UnitFacts): UnitCheck {
  const { unit, paths } = facts;
  if (!unit.exists) return { answer: 'absent', reason: 'istio.service is not installed' };
  const isRead = unit.dropInPaths.includes(paths.istio.dropIn);
  const findings = isRead ? [...commandFindings(facts), ...variableFindings(facts)] : beforehand(facts);
  findings.push(...defeatingEnvironment(facts));
  if (facts.barred !== null) findings.push(facts.barred);
  if (findings.length > 0) return { answer: 'blocked', findings };
  if (!isRead) return { answer: 'absent', reason: `systemd has not read ${paths.istio.dropIn}` };
  if (!facts.isDropInCurrent)
    return { answer: 'absent', reason: `${paths.istio.dropIn} is that of another version of the package` };
  return { answer: 'ours' };
}

function commandFindings({ unit, paths, unitFiles }: UnitFacts): Finding[] {
  const { execStartPre, execStart, execStopPost } = unit;
  const script = `${paths.active}/${RELEASE_FILES.startScript}`;
  const activate = `${paths.bin}/istio-activate`;
  const ours = (path: string) => path === paths.istio.dropIn;
  const finding = (key: string, what: string) =>
    named(
      unitFiles,
      key,
      paths.istio.dropIn,
      what,
      `remove that ${key} from the file, then run systemctl daemon-reload`,
      (path) => !ours(path),
    );
  const findings: Finding[] = [];
  if (!(execStart.length === 1 && runs(execStart[0], script))) {
    findings.push(finding('ExecStart', 'overrides ExecStart: Istio would not start from the active release'));
  }
  if (!execStartPre.some((command) => command.argv.at(-1) === activate)) {
    findings.push(
      finding(
        'ExecStartPre',
        'takes istio-activate out of ExecStartPre: Istio would never switch to the staged release',
      ),
    );
  }
  if (
    !runs(execStopPost[0], `${activate} stopped`) ||
    !execStopPost.some((command) => runs(command, `${script} clean`))
  ) {
    findings.push(finding('ExecStopPost', 'overrides ExecStopPost: rules of Istio would stay behind when it stops'));
  }
  return findings;
}

/** The variables of the drop-in, as systemd holds them: a later drop-in can set them to something else. */
function variableFindings({ unit, paths, unitFiles }: UnitFacts): Finding[] {
  return [...redirections(paths)]
    .filter(([key, value]) => unit.environment[key] !== value)
    .map(([key]) => {
      const mentions = new RegExp(`(^|[\\s"'])${key}\\b`);
      const what = `changes ${key}: Istio would not take everything from the active release`;
      return named(
        unitFiles,
        /^(Environment|UnsetEnvironment)$/,
        paths.istio.dropIn,
        what,
        `remove ${key} from it`,
        (path, value) => path !== paths.istio.dropIn && (value === '' || mentions.test(value)),
      );
    });
}

function runs(command: ExecCommand | undefined, line: string): boolean {
  return command?.argv.join(' ') === line;
}
