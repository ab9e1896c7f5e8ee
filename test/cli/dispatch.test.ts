import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXIT } from '../../src/base/cli/exit-codes.ts';
import { commands } from '../../src/cli/commands.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { openTerminal } from '../support/terminal.ts';

describe('smm-agent without a command', () => {
  it('lists all commands with their summaries, and every exit code', async () => {
    await using terminal = await openTerminal();
    for (const args of [[], ['help'], ['--help'], ['-h']]) {
      const { code, stdout } = await terminal.type(args);
      assert.equal(code, 0);
      for (const name of Object.keys(commands)) assert.match(stdout, new RegExp(`^  ${name} +[a-z].*`, 'm'));
      for (const status of Object.values(EXIT)) assert.match(stdout, new RegExp(`^  ${status} +`, 'm'));
    }
  });
});

describe('every command', () => {
  for (const [name, load] of Object.entries(commands)) {
    it(`${name} has help, by its name and with --help, without doing anything`, async () => {
      await using terminal = await openTerminal();
      const { spec } = await load();
      assert.equal(spec.name, name);
      const { code, stdout } = await terminal.type(['help', name]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^Usage: smm-agent ${name}`));
      for (const option of Object.keys(spec.options)) assert.match(stdout, new RegExp(`--${option}\\b`));
      assert.deepEqual(await terminal.type([name, '--help']), { code, stdout, stderr: '' });
    });

    it(`${name} refuses an option that it does not have`, async () => {
      await using terminal = await openTerminal();
      const { code, stderr } = await terminal.type([name, '--no-such-option']);
      assert.equal(code, EXIT.usage);
      assert.match(stderr, /--no-such-option.*\(SMM601\)\n {2}what to do: /);
    });
  }
});

describe('a command that does not exist', () => {
  it('is answered with the nearest one', async () => {
    await using terminal = await openTerminal();
    for (const args of [['shw-config'], ['help', 'shw-config']]) {
      const { code, stderr } = await terminal.type(args);
      assert.equal(code, EXIT.usage);
      assert.match(stderr, /did you mean show-config\?/);
    }
    assert.equal((await terminal.type(['toString'])).code, EXIT.usage);
  });
});

describe('--root', () => {
  it('puts every path under another folder', async () => {
    await using terminal = await openTerminal();
    let stdout = '';
    const output = { write: (text: string) => (stdout += text) };
    const io = { stdout: output, stderr: output, stdin: (async function* () {})(), env: {} };
    assert.equal(await dispatch(['--root', terminal.paths.root, 'set', 'hold', 'true'], io), 0, stdout);
    assert.match(await terminal.config(), /^hold: true$/m);
    assert.equal(await dispatch([`--root=${terminal.paths.root}`, 'set', 'hold', 'false'], io), 0, stdout);
    assert.match(await terminal.config(), /^hold: false$/m);
    assert.equal(await dispatch(['--root'], io), EXIT.usage);
  });
});

describe('a bug', () => {
  it('ends with a code of its own and its stack', async () => {
    let stderr = '';
    const broken = {
      write: () => {
        throw new TypeError('boom');
      },
    };
    const io = {
      stdout: broken,
      stderr: { write: (text: string) => (stderr += text) },
      stdin: (async function* () {})(),
      env: {},
    };
    assert.equal(await dispatch(['help'], io), EXIT.internal);
    assert.match(stderr, /a bug in smm-agent: TypeError: boom\n +at /);
  });
});
