/** JSON from outside: always followed by a schema. */

/** The parsed text; for what is no JSON the syntax error itself, as a value that no schema accepts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
