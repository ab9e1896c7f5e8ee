/** What the agent reports on the WorkloadEntry of its machine, and which parts of an entry's status are its own. */
import { z } from 'zod';

/** `True`, `False` or `Unknown`, a reason in CamelCase for programs, a message for people. */
export interface ConditionValue {
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

export interface ValidationMessage {
  /** The name and the code of what is wrong. Codes begin with SMM: by that the agent knows its own messages. */
  type: { name: string; code: string };
  level: 'ERROR' | 'WARNING' | 'INFO';
  documentationUrl: string;
}

export interface EntryReport {
  /** Condition `IstioRestartPending`. */
  pending: ConditionValue;
  /** Condition `SmmAgent`: the agent's own state. */
  agent: ConditionValue;
  /** All of the agent's messages: other messages of the agent are removed from the entry. */
  messages: readonly ValidationMessage[];
}

/** The types of the agent's conditions. The admission policy in packaging/kubernetes names them too: change both. */
export const OWN_CONDITIONS = { pending: 'IstioRestartPending', agent: 'SmmAgent' } as const;
/** The beginning of the codes of the agent's messages. The admission policy names it too: change both. */
export const OWN_CODES = 'SMM';

type MessageOptions = Pick<ValidationMessage, 'level' | 'documentationUrl'>;

/** A restart of Istio is due. */
export const restartPendingMessage = (options: MessageOptions): ValidationMessage => ({
  type: { name: 'IstioRestartPending', code: 'SMM0001' },
  ...options,
});

/** The revision that runs here is no longer in the cluster. */
export const revisionGoneMessage = (options: MessageOptions): ValidationMessage => ({
  type: { name: 'IstioRevisionGone', code: 'SMM0002' },
  ...options,
});

// `loose`: fields that are not known here must be seen (`hasOwnForm`). observedGeneration can be a number or a string.
const Condition = z.looseObject({
  type: z.string().default(''),
  status: z.string().default(''),
  reason: z.string().default(''),
  message: z.string().default(''),
});
const Message = z.looseObject({
  type: z.looseObject({ name: z.string().default(''), code: z.string().default('') }).prefault({}),
  level: z.union([z.string(), z.number()]).default(''),
  documentationUrl: z.string().default(''),
});

/** A WorkloadEntry as far as the agent reads it. */
export const WorkloadEntry = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
  spec: z
    .object({
      address: z.string().default(''),
      network: z.string().default(''),
      labels: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
  status: z
    .looseObject({ conditions: z.array(Condition).nullish(), validationMessages: z.array(Message).nullish() })
    .nullish(),
});
export type WorkloadEntry = z.infer<typeof WorkloadEntry>;
export type EntryStatus = NonNullable<WorkloadEntry['status']>;
