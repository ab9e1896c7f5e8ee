/** What can go wrong with the agent's own upgrade. */
import { AgentError } from '../base/errors.ts';

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
  /** What it found wrong, in one line. */
  readonly said: string;

  constructor(version: string, given: string, evidence: string) {
    const said = given.replaceAll(/\s+/g, ' ');
    const why = `its self-check failed: ${said}`;
    super(
      'SMM702',
      `cannot use smm-agent ${version}: ${why}`,
      'the agent stays as it is; smm-agent history has what the program said',
    );
    this.evidence = evidence;
    this.why = why;
    this.said = said;
  }
}

/** SMM709: the version that runs finds the same machine wrong, so nothing is known about the new one. */
export function wrongMachine(to: string, from: string, said: string): AgentError {
  const sentence = `cannot switch to smm-agent ${to}: neither it nor smm-agent ${from} finds this machine right: ${said}`;
  return new AgentError('SMM709', sentence, 'put that right on this machine; it is tried again');
}

/** SMM709: asked once more, the new version finds nothing wrong. */
export function passedSince(to: string, said: string): AgentError {
  const sentence = `cannot switch to smm-agent ${to}: its self-check failed (${said}), and passed when it was asked again`;
  return new AgentError('SMM709', sentence, 'nothing: something was changing on this machine, and it is tried again');
}

/** SMM706: a version or a package is to be downloaded, and nobody says from where. */
export function noRepository(): AgentError {
  const remedy = 'set repository.url, or name it in ConfigMap smm-agent';
  return new AgentError('SMM706', 'cannot download: nobody names a signed repository', remedy);
}
