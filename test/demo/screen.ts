/** What the demo writes: scenes, sentences, what each side shows, and whether that is what was told. */

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

type Colour = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

const CODES: Record<Colour, number> = { bold: 1, dim: 2, green: 32, red: 31, yellow: 33, cyan: 36 };
const WIDEST = 110;
/** Of the names before the bar: the longest is `WorkloadEntry`. */
const NAME_CHARS = 13;

export class Screen {
  readonly #output: Output;
  readonly #colours: boolean;
  #scene = 0;

  /** Colours only at a terminal, and not when NO_COLOR is set (no-color.org). */
  constructor(output: Output, env: NodeJS.ProcessEnv) {
    this.#output = output;
    this.#colours = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  }

  title(text: string, ...sentences: string[]): void {
    this.#line(this.#paint('bold', text));
    for (const sentence of sentences) this.#wrapped(sentence, '');
  }

  /** A numbered scene with what it is about. */
  scene(name: string, sentence: string): void {
    this.#scene += 1;
    this.#line(`\n${this.#paint('bold', `${this.#scene}. ${name}`)}`);
    this.#wrapped(sentence, '   ');
    this.#line('');
  }

  /** Something that a person does, as they would type it. */
  command(text: string): void {
    this.#line(`   ${this.#paint('cyan', `$ ${text}`)}`);
  }

  /** Lines of one side of the story. */
  side(name: string, text: string): void {
    for (const line of text.trimEnd().split('\n')) {
      const [first = '', ...rest] = wrap(line, this.#width() - NAME_CHARS - 6);
      this.#line(`   ${this.#paint('dim', `${name.padEnd(NAME_CHARS)} |`)} ${first}`);
      for (const more of rest) this.#line(`   ${this.#paint('dim', `${''.padEnd(NAME_CHARS)} |`)}   ${more}`);
    }
  }

  /** Something that was told, and was seen to be so. */
  seen(text: string): void {
    this.#line(`   ${this.#paint('green', 'ok')} ${text}`);
  }

  failure(text: string): void {
    this.#line(`   ${this.#paint('red', 'NOT AS TOLD')} ${text}`);
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

/** Breaks at blanks; the first line's own indentation is kept, and a word that is too long stays whole. */
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
