import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AgentError, describeError } from '../src/base/errors.ts';

describe('an error', () => {
  it('tells its causes', () => {
    const cause = new Error('ECONNREFUSED');
    assert.equal(
      describeError(new AgentError('SMM412', 'cannot download it', 'wait', { cause })),
      'cannot download it: ECONNREFUSED',
    );
  });

  it('never tells the password of a mirror: it is shown on the WorkloadEntry and in files that all may read', () => {
    const url = 'https://mirror:s3cret@example.com/1.31.0';
    const error = new AgentError('SMM412', `cannot download ${url}`, 'wait', { cause: new Error(`connect ${url}`) });
    assert.doesNotMatch(describeError(error) + error.message, /s3cret/);
    assert.match(error.message, /https:\/\/\(hidden\)@example\.com/);
  });
});

describe('the sentence of an error', () => {
  it('holds the sentences of its causes', () => {
    const error = new Error('cannot stage', { cause: new Error('cannot unpack', { cause: new Error('EIO') }) });
    assert.equal(describeError(error), 'cannot stage: cannot unpack: EIO');
  });

  it('does not say twice what it took over from its cause', () => {
    const error = new Error('cannot download x: getaddrinfo EAI_AGAIN x', {
      cause: new Error('getaddrinfo EAI_AGAIN x'),
    });
    assert.equal(describeError(error), 'cannot download x: getaddrinfo EAI_AGAIN x');
  });
});
