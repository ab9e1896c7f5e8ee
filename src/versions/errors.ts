/** What can go wrong with the agent's own upgrade. */
import { AgentError } from '../base/errors.ts';

/**
 * SMM701: an archive of the repository that is not what it should
 * be. Its signature is right, so the publisher made it so.
 */
export function badArchive(file: string, why: string, options?: ErrorOptions): AgentError {
  const remedy = 'withdraw it from the repository and publish it again; nothing of it was used';
  return new AgentError('SMM701', `cannot use ${file}: ${why}`, remedy, options);
}

/** SMM702: the new version says, or shows, that it does not work here. It is rejected for a time. */
export class SelfCheckFailed extends AgentError {
  /** The last output of its program, for the operator. */
  readonly evidence: string;
  /** The reason of the rejection, in one line. */
  readonly why: string;
  /** What the self-check found wrong, in one line. */
  readonly said: string;

  constructor(version: string, given: string, evidence: string) {
    const said = given.replaceAll(/\s+/g, ' ');
    const why = `its self-check failed: ${said}`;
    super(
      'SMM702',
      `cannot use smm-agent ${version}: ${why}`,
      'the agent stays on its version; smm-agent history has the output of the program',
    );
    this.evidence = evidence;
    this.why = why;
    this.said = said;
  }
}

/** SMM709: the version that runs fails its self-check too, so nothing is known about the new one. */
export function wrongMachine(to: string, from: string, said: string): AgentError {
  const sentence = `cannot switch to smm-agent ${to}: its self-check fails, and so does that of smm-agent ${from}: ${said}`;
  return new AgentError('SMM709', sentence, 'put that right on this machine; the agent tries again');
}

/** SMM709: the new version passes its self-check when it is run again. */
export function passedSince(to: string, said: string): AgentError {
  const sentence = `cannot switch to smm-agent ${to}: its self-check failed (${said}), and passed when it was asked again`;
  return new AgentError('SMM709', sentence, 'nothing: something was changing on this machine; the agent tries again');
}

/** SMM706: a version or a package is to be downloaded, and no signed repository is named. */
export function noRepository(): AgentError {
  const remedy = 'set repository.url, or name it in ConfigMap smm-agent';
  return new AgentError('SMM706', 'cannot download: no signed repository is named', remedy);
}
