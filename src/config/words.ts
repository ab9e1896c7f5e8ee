/** What is wrong with a value, in words. Values themselves are not repeated: they could be secrets. */
import { z } from 'zod';
import { nearest } from '../base/nearest.ts';

interface Words {
  sentence: string;
  remedy: string;
}

/** `key` as the reader knows it, the issue of the schema, the value as YAML gave it, and the schema of its place. */
export function wrongValue(key: string, issue: z.core.$ZodIssue, value: unknown, wanted: z.ZodType | null): Words {
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    const close = typeof value === 'string' ? nearest(value, values) : null;
    const remedy = close === null ? 'write one of these' : `did you mean "${close}"?`;
    return { sentence: `${key} must be one of ${values.join(', ')}`, remedy };
  }
  if (issue.code === 'invalid_type') {
    const received = kindOf(value);
    const sentence = `${key} must be ${KINDS[issue.expected] ?? issue.expected}, not ${received}`;
    return { sentence, remedy: remedyFor(issue.expected, received, wanted) };
  }
  if (issue.code === 'invalid_key') {
    return { sentence: `${key} ${issue.issues[0]?.message ?? issue.message}`, remedy: 'rename it' };
  }
  if (wanted instanceof z.ZodUnion && typeof value !== 'string') {
    return { sentence: `${key} must be text, not ${kindOf(value)}`, remedy: remedyFor('string', kindOf(value)) };
  }
  return { sentence: `${key} ${issue.message}`, remedy: 'correct the value' };
}

const KINDS: Record<string, string> = {
  object: 'a map of keys and values',
  record: 'a map of keys and values',
  string: 'text',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a whole number',
};

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? 'text' : typeof value === 'boolean' ? 'true or false' : 'a number';
}

function remedyFor(expected: string, received: string, wanted: z.ZodType | null = null): string {
  if (received === 'empty') return 'give it a value, or remove the key';
  if (expected === 'string') return 'put the value in quotes';
  if (expected === 'boolean') return 'write true or false, without quotes';
  if (wanted instanceof z.ZodObject)
    return `write its keys on lines of their own: ${Object.keys(wanted.shape).join(', ')}`;
  if (expected === 'object' || expected === 'record')
    return 'write each key with its value on a line of its own below it';
  return received === 'text' ? 'write it without quotes' : 'write a number';
}
