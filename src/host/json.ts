/** JSON from outside: the caller checks it with a schema. */

/** The parsed text; for a text that is not JSON the syntax error, as a value that no schema accepts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
