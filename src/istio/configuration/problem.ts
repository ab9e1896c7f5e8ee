/** The errors of this room in one place, so that each code has one sentence and one remedy. */
import { AgentError, isAgentError } from '../../base/errors.ts';

const GROUP_REMEDY = 'correct it in the WorkloadGroup or the mesh configuration';

/** SMM301: an object of the control plane lacks something, or has not the form that Kubernetes and Istio define. */
export function unusableInput(what: string, options?: ErrorOptions): AgentError {
  return new AgentError('SMM301', `cannot render the VM's configuration: ${what}`, GROUP_REMEDY, options);
}

/** SMM302: a text is not YAML as Istio reads it. `where` names the text. */
export function unreadableYaml(where: string, why: string): AgentError {
  return new AgentError('SMM302', `cannot read ${where} as YAML: ${why}`, `correct the YAML of ${where}`);
}

/** SMM303: a field has a value which Istio's schema does not allow. `path` names the field from the top. */
export function invalidField(path: string, why: string): AgentError {
  return new AgentError('SMM303', `cannot use ${path}: ${why}`, `correct ${path}; Istio itself refuses such a value`);
}

/** SMM304: a key, field or value that would choose what runs as root here. It is never rendered. */
export function refused(what: string, why: string): AgentError {
  return new AgentError(
    'SMM304',
    `cannot accept ${what} from the control plane: ${why}`,
    "remove it there; if this machine needs it, set it in the machine's own agent.yaml (istio.env, istio.mesh)",
  );
}

/** SMM305: agent.yaml asks for something that cannot be written into the files. */
export function unusableLocal(what: string, why: string): AgentError {
  return new AgentError('SMM305', `cannot use ${what} of agent.yaml: ${why}`, 'correct /etc/smm/agent.yaml');
}

/** SMM306: the machine's own file is written in a way that does not allow a safe change. */
export function unchangeable(file: string, what: string, why: string): AgentError {
  return new AgentError(
    'SMM306',
    `cannot change ${what} in ${file}: ${why}`,
    `write ${file} in a plainer way, or accept the rendered configuration with smm-agent adopt --render`,
  );
}

/** SMM307: the machine's own file sets something that would win over what a release must set. */
export function defeating(file: string, line: number, key: string, why: string): AgentError {
  return new AgentError(
    'SMM307',
    `cannot take over ${file}:${line}: it sets ${key}, ${why}`,
    `remove it from ${file}, or accept the rendered configuration with smm-agent adopt --render`,
  );
}

/** SMM309: the machine's own file holds bytes that a release would change. */
export function notUtf8(file: string, line: number): AgentError {
  return new AgentError(
    'SMM309',
    `cannot take over ${file}:${line}: it holds bytes that are not UTF-8`,
    `write line ${line} in UTF-8 (from Latin-1: iconv -f LATIN1 -t UTF-8), or without such characters`,
  );
}

/**
 * Whether only the owner of this machine's own files can help: SMM302,
 * SMM303, SMM306, SMM307, SMM309 and SMM310 while Istio is adopted.
 */
export function isOwnFileAtFault(error: AgentError): boolean {
  return isAgentError(error, 'SMM302', 'SMM303', 'SMM306', 'SMM307', 'SMM309', 'SMM310');
}
