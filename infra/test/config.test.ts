/** What a user may write into `deploy.json`, and what they are told about what they may not. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { ConfigError, configure, configureFromFile } from '../lib/config.ts';
import { describeConfiguration } from '../lib/configuration-page.ts';
import { temporaryFolder } from './support.ts';

function refuses(input: unknown, ...expected: RegExp[]): void {
  assert.throws(
    () => configure(input, 'deploy.json'),
    (error) => {
      assert.ok(error instanceof ConfigError);
      const [head, ...lines] = error.message.split('\n');
      assert.equal(head, 'deploy.json:');
      assert.equal(lines.length, expected.length, error.message);
      expected.forEach((pattern, line) => assert.match(lines[line]!, pattern));
      return true;
    },
  );
}

describe('what is left out', () => {
  test('has a default, whole sections as well as values', () => {
    const { stream, speed, delivery } = configure({ speed: { memoryMb: 3008 } });
    assert.deepEqual(stream, { mode: 'on-demand', shards: 1, retentionHours: 168 });
    assert.deepEqual([speed.memoryMb, speed.batchWindowSeconds], [3008, 2]);
    assert.deepEqual(delivery, { enabled: true, retries: 10_000, maxAgeHours: 144 });
  });
  test('is everything, where there is no file', () => {
    assert.deepEqual(configureFromFile(join(temporaryFolder(), 'deploy.json')), configure({}));
  });
});

describe('what is wrong', () => {
  test('is named with its value and what is allowed', () => {
    refuses(
      { epoch: '1 minute' },
      /^ {2}epoch: "1 minute" is not allowed: a whole number and a unit/,
    );
    refuses(
      { stream: { mode: 'fast' } },
      /stream\.mode: "fast" is not allowed: .*"on-demand"\|"prov/,
    );
    refuses({ stream: { retentionHours: 12 } }, /stream\.retentionHours: 12 is not allowed: .*24/);
    refuses({ api: { auth: 'none' } }, /api\.auth: "none" is not allowed: .*"iam"\|"bearer"/);
    refuses({ logs: { retentionDays: 31 } }, /logs\.retentionDays: 31 is not allowed/);
    refuses({ alarms: { email: 'nobody' } }, /alarms\.email: "nobody" is not allowed/);
  });
  test('is said all at once', () => {
    refuses({ epoch: '', architecture: 'mips' }, /architecture: "mips"/, /epoch: ""/);
  });
  test('is a name that nothing has, anywhere', () => {
    refuses({ streams: {} }, /`streams`: there is no such value; see infra\/CONFIGURATION\.md/);
    refuses({ stream: { shard: 2 } }, /`stream\.shard`: there is no such value/);
  });
  test('is a file that is not JSON', () => {
    const path = join(temporaryFolder(), 'deploy.json');
    writeFileSync(path, '{"stream": }');
    assert.throws(() => configureFromFile(path), /deploy\.json: not JSON: /);
  });
});

describe('what contradicts itself', () => {
  test('records that leave the stream before they are given up', () => {
    refuses(
      { stream: { retentionHours: 144 } },
      /delivery\.maxAgeHours: 144 is not below stream\.retentionHours \(144\).*be lost/,
    );
    configure({ stream: { retentionHours: 145 } });
  });
  test('a lock on what should go with the stack', () => {
    refuses({ protection: { retain: false } }, /masterDataSet\.objectLock: governance contradicts/);
    configure({ protection: { retain: false }, masterDataSet: { objectLock: 'off' } });
  });
  test('an alarm that always sounds, and one that sounds last', () => {
    refuses(
      { alarms: { iteratorAgeMinutes: 1 }, archive: { batchWindowSeconds: 60 } },
      /archive\.batchWindowSeconds: 60 is not below alarms\.iteratorAgeMinutes/,
    );
    refuses(
      { alarms: { horizonLagMinutes: 4320 } },
      /alarms\.horizonLagMinutes: 4320 is not below/,
    );
  });
  test('classes that S3 bills twice', () => {
    refuses(
      { masterDataSet: { instantRetrievalAfterDays: 100 } },
      /instantRetrievalAfterDays: 100 is not 30 days behind infrequentAccessAfterDays \(90\)/,
    );
    configure({
      masterDataSet: { infrequentAccessAfterDays: null, instantRetrievalAfterDays: 90 },
    });
  });
});

test('CONFIGURATION.md lists every value as it is (`npm run document` writes it)', () => {
  const path = resolve(import.meta.dirname, '../CONFIGURATION.md');
  assert.equal(readFileSync(path, 'utf8'), describeConfiguration());
});
