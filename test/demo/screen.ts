/** The output of the demo: scenes, sentences, the lines of each side, and the results of the checks. */

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const CODES: Record<Colour, number> = { bold: 1, dim: 2, green: 32, red: 31, yellow: 33, cyan: 36 };
const WIDEST = 110;
/** The width of the names before the bar. The longest is `WorkloadEntry`. */
const NAME_CHARS = 13;

export class Screen {
  readonly #output: Output;
  readonly #colours: boolean;
  #scene = 0;

  /** Uses colours only at a terminal, and not if NO_COLOR is set (no-color.org). */
  constructor(output: Output, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.#colours = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  title(text: string, ...sentences: string[]): void {
    this.#line(this.#paint('bold', text));
    this.#wrapped(sentences.join(' '), '');
  }

  /** The heading of a scene, with its number and a description. */
  scene(name: string, ...sentences: string[]): void {
    this.#scene += 1;
    this.#line(`\n${this.#paint('bold', `${this.#scene}. ${name}`)}`);
    this.#wrapped(sentences.join(' '), '   ');
    this.#line('');
  }

  /** A command as a person would type it. */
  command(text: string): void {
    this.#line(`   ${this.#paint('cyan', `$ ${text}`)}`);
  }

  /** Lines of one side of the story, with its name. */
  side(name: string, text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      const [first = '', ...rest] = wrap(line, this.#width() - NAME_CHARS - 6);
      this.#line(`   ${this.#paint('dim', `${name.padEnd(NAME_CHARS)} |`)} ${first}`);
      for (const more of rest) this.#line(`   ${this.#paint('dim', `${''.padEnd(NAME_CHARS)} |`)}   ${more}`);
    }
  }

  /** A check that has passed. */
  seen(text: string): void {
    this.#line(`   ${this.#paint('green', 'ok')} ${text}`);
  }

  failure(text: string): void {
    this.#line(`   ${this.#paint('red', 'FAILED')} ${text}`);
  }

  say(text: string): void {
    this.#wrapped(text, '   ');
  }

  plain(text: string): void {
    this.#line(text);
  }

  #wrapped(sentence: string, indent: string): void {
    for (const line of wrap(sentence, this.#width() - indent.length)) this.#line(indent + line);
  }

  #width(): number {
    return Math.min(this.#output.columns ?? WIDEST, WIDEST);
  }

  #paint(colour: Colour, text: string): string {
    return this.#colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }
}

/** Breaks lines at blanks. Keeps the indentation of the first line, and does not break long words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = /^\s*/.exec(text)?.[0] ?? '';
  let isEmpty = true;
  for (const word of text.trim().split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line += isEmpty ? word : ` ${word}`;
    }
    isEmpty = false;
  }
  return [...lines, line];
}
