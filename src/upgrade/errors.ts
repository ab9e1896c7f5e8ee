/** What can go wrong with the agent's own upgrade. */
import { AgentError } from '../errors.ts';

/** SMM701: an archive out of the repository that is not what it should be. Its signature was right: the publisher made it so. */
export function badArchive(file: string, why: string, options?: ErrorOptions): AgentError {
  const remedy = 'withdraw it from the repository and publish it anew; nothing of it was used';
  return new AgentError('SMM701', `cannot use ${file}: ${why}`, remedy, options);
}

/** SMM702: the new version says, or shows, that it does not work here. It is rejected for a time. */
export class SelfCheckFailed extends AgentError {
  /** What its program wrote last, for whoever looks into it. */
  readonly evidence: string;
  /** In one line. */
  readonly why: string;

  constructor(version: string, said: string, evidence: string) {
    const why = `its self-check failed: ${said.replaceAll(/\s+/g, ' ')}`;
    super(
      'SMM702',
      `cannot use smm-agent ${version}: ${why}`,
      'the agent stays as it is; smm-agent history has what the program said',
    );
    this.evidence = evidence;
    this.why = why;
  }
}

/** SMM706: a version or a package is to be downloaded, and nobody says from where. */
export function noRepository(): AgentError {
  const remedy = 'set repository.url, or name it in ConfigMap smm-agent';
  return new AgentError('SMM706', 'cannot download: nobody names a signed repository', remedy);
}
