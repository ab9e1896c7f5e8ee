/** Questions about the schema of src/config/schema.ts: which keys exist where. */
import { z } from 'zod';
import { Config } from './schema.ts';

export type KeyPath = readonly string[];

/** The schema behind a key, null when there is no such key. Below a map with free keys every key is valid. */
export function schemaAt(path: KeyPath): z.ZodType | null {
  let schema: z.ZodType = Config;
  for (const key of path) {
    const outer = bare(schema);
    if (outer instanceof z.ZodObject) {
      const inner = Object.hasOwn(outer.shape, key) ? (outer.shape as Record<string, z.ZodType>)[key] : undefined;
      if (inner === undefined) return null;
      schema = inner;
    } else if (outer instanceof z.ZodRecord) {
      schema = outer.valueType as z.ZodType;
    } else if (!(outer instanceof z.ZodUnknown)) {
      return null;
    }
  }
  return bare(schema);
}

/** The known keys at this place; none if every key is allowed there. */
export function keysAt(path: KeyPath): string[] {
  const schema = schemaAt(path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Every key that has a value of its own, for example `poll.schedule`. */
export function leafKeys(path: KeyPath = []): string[] {
  return keysAt(path).flatMap((key) => {
    const inner = [...path, key];
    return schemaAt(inner) instanceof z.ZodObject ? leafKeys(inner) : [inner.join('.')];
  });
}

function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault || inner instanceof z.ZodOptional) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}
