/**
 * Parses the text of a unit file: sections, assignments, comments, continued lines. definition.ts interprets the keys.
 */

export interface Assignment {
  section: string;
  key: string;
  value: string;
}

export function parseUnitFile(text: string): Assignment[] {
  const assignments: Assignment[] = [];
  let section = '';
  for (const line of logicalLines(text)) {
    const header = /^\[([^\]]+)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      section = header;
      continue;
    }
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    assignments.push({ section, key: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() });
  }
  return assignments;
}

/**
 * The lines without comments and empty lines. A backslash at the end joins a line with the next one, over comments too.
 */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let begun = '';
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line.startsWith('#') || line.startsWith(';')) continue;
    if (line.endsWith('\\')) {
      begun += `${line.slice(0, -1)} `;
      continue;
    }
    if (begun + line !== '') lines.push(begun + line);
    begun = '';
  }
  return lines;
}
