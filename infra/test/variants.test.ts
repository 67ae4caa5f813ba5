/** Every way to configure the stack comes out clean, and does what it says. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, test } from 'node:test';
import { App, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { ConfigInput } from '../lib/config.ts';
import { SourceError, functionCode } from '../lib/function-code.ts';
import { own } from '../lib/metrics.ts';
import { FUNCTIONS, Synthesized, sources, temporaryFolder } from './support.ts';

const script = join(temporaryFolder(), 'build.py');
writeFileSync(script, '# a job\n');
const TRIAL: ConfigInput = { protection: { retain: false }, masterDataSet: { objectLock: 'off' } };
const variants: Record<string, ConfigInput> = {
  defaults: {},
  bearer: { api: { auth: 'bearer' } },
  'keys of AWS': { encryptionKey: 'aws', api: { auth: 'bearer' }, glue: { script } },
  glue: { glue: { script } },
  trial: TRIAL,
};
const stacks: Record<string, Synthesized> = {};

describe('AwsSolutions', () => {
  test('finds something where something is wrong', () => {
    const app = new App({ outdir: temporaryFolder() });
    const stack = new Stack(app, 'Wrong');
    new Bucket(stack, 'Bucket');
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    assert.throws(() => Template.fromStack(stack), /Validation failed/);
  });
  for (const [name, input] of Object.entries(variants)) {
    test(`finds nothing: ${name}`, () => {
      stacks[name] = new Synthesized(input, true);
    });
  }
});

describe('cfn-lint', () => {
  const program = resolve(import.meta.dirname, '../.venv/bin/cfn-lint');
  const lint = (folder: string) => {
    assert.ok(existsSync(program), `${program}: \`make infra\` installs it`);
    const files = readdirSync(folder).map((file) => join(folder, file));
    // W3005: CDK names dependencies that follow from references as well.
    const options = ['--ignore-checks', 'W3005', '--non-zero-exit-code', 'informational'];
    const { status, stdout } = spawnSync(program, [...options, '--', ...files], {
      encoding: 'utf8',
    });
    return { status, stdout };
  };
  test('finds something where something is wrong', () => {
    const folder = temporaryFolder();
    const wrong = { Resources: { Topic: { Type: 'AWS::SNS::Topic', Properties: { Nme: 'x' } } } };
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify(wrong));
    assert.match(lint(folder).stdout, /E3002 .*'Nme' was unexpected/);
  });
  test('finds nothing in any variant', () => {
    const folder = temporaryFolder();
    for (const [name, { template }] of Object.entries(stacks)) {
      writeFileSync(join(folder, `${name}.json`), JSON.stringify(template.toJSON()));
    }
    assert.deepEqual(lint(folder), { status: 0, stdout: '' });
  });
});

describe('who is let in', () => {
  const routes = (name: string) =>
    Object.values(stacks[name]!.resources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => [
      Properties.RouteKey,
      Properties.AuthorizationType,
    ]);
  test('by default: requests signed with AWS credentials, on every route', () => {
    assert.deepEqual(routes('defaults').sort(), [
      ['$default', 'AWS_IAM'],
      ['POST /v1/events', 'AWS_IAM'],
    ]);
  });
  test('with `bearer`: whoever the authorizer lets in, on every route', () => {
    assert.deepEqual(routes('bearer').sort(), [
      ['$default', 'CUSTOM'],
      ['POST /v1/events', 'CUSTOM'],
    ]);
    const { Properties } = stacks.bearer!.resource('AWS::ApiGatewayV2::Authorizer');
    assert.equal(Properties.AuthorizerPayloadFormatVersion, '2.0');
    assert.equal(Properties.EnableSimpleResponses, true);
    assert.deepEqual(Properties.IdentitySource, ['$request.header.Authorization']);
  });
  test('events go to ingest, everything else to query, and no other origin is answered', () => {
    const stack = stacks.defaults!;
    for (const { Properties } of Object.values(stack.resources('AWS::ApiGatewayV2::Route'))) {
      const integration = Properties.Target['Fn::Join'][1].at(-1).Ref;
      const { IntegrationUri } = stack.resources('AWS::ApiGatewayV2::Integration')[integration]!
        .Properties;
      const output = Properties.RouteKey === '$default' ? 'QueryFunction' : 'IngestFunction';
      assert.equal(IntegrationUri['Fn::GetAtt'][0], stack.output(output));
    }
    assert.equal(stack.resource('AWS::ApiGatewayV2::Api').Properties.CorsConfiguration, undefined);
  });
  test('requests are throttled and written down', () => {
    const { DefaultRouteSettings, AccessLogSettings, StageName } = stacks.defaults!.resource(
      'AWS::ApiGatewayV2::Stage',
    ).Properties;
    assert.equal(StageName, '$default');
    assert.equal(DefaultRouteSettings.ThrottlingRateLimit, 500);
    assert.equal(DefaultRouteSettings.ThrottlingBurstLimit, 1000);
    assert.ok(AccessLogSettings.DestinationArn);
    assert.ok(!AccessLogSettings.Format.includes('queryString'));
  });
});

describe('builds on Glue', () => {
  const stack = new Synthesized({ glue: { script } });
  test('are in the stack where there is a script, and only there', () => {
    assert.deepEqual(stacks.defaults!.resources('AWS::Glue::Job'), {});
    const { GlueVersion, Command, ExecutionProperty, MaxRetries, Timeout } =
      stack.resource('AWS::Glue::Job').Properties;
    // cfn-lint knows of no version.
    assert.ok(['5.0', '5.1'].includes(GlueVersion));
    assert.equal(Command.Name, 'glueetl');
    assert.deepEqual([ExecutionProperty.MaxConcurrentRuns, MaxRetries, Timeout], [1, 0, 120]);
  });
  test('are started by batch, which hears how they end', () => {
    const { Name } = stack.resource('AWS::Glue::Job').Properties;
    const { Variables } = stack.function('batch').Properties.Environment;
    assert.equal(Variables.ANABRANCH_GLUE_JOB, Name);
    const glue = stack.may('batch').filter((grant) => grant.startsWith('glue:'));
    assert.deepEqual(
      glue.map((grant) => grant.split(' ')[0]),
      ['glue:GetJobRuns', 'glue:StartJobRun'],
    );
    const { EventPattern, Targets } = stack.resource('AWS::Events::Rule').Properties;
    assert.deepEqual(EventPattern, {
      source: ['aws.glue'],
      'detail-type': ['Glue Job State Change'],
      detail: { jobName: [Name] },
    });
    assert.equal(Targets[0].Arn['Fn::GetAtt'][0], stack.output('BatchFunction'));
  });
  test('need their script', () => {
    const missing = join(temporaryFolder(), 'no.py');
    assert.throws(
      () => new Synthesized({ glue: { script: missing } }),
      /glue\.script: .*no such file/,
    );
  });
});

test('a trial leaves nothing behind', () => {
  const { Resources } = stacks.trial!.template.toJSON() as { Resources: Record<string, any> };
  for (const [id, { DeletionPolicy, Properties }] of Object.entries(Resources)) {
    assert.notEqual(DeletionPolicy, 'Retain', id);
    assert.equal(Properties.VersioningConfiguration, undefined, id);
    assert.equal(Properties.ObjectLockConfiguration, undefined, id);
    assert.notEqual(Properties.Replicas?.[0].DeletionProtectionEnabled, true, id);
  }
});

test('provisioned shards are as many as they should be', () => {
  const stack = new Synthesized({ stream: { mode: 'provisioned', shards: 3 } });
  const { ShardCount, StreamModeDetails } = stack.resource('AWS::Kinesis::Stream').Properties;
  assert.deepEqual([ShardCount, StreamModeDetails], [3, { StreamMode: 'PROVISIONED' }]);
});

describe('alarms', () => {
  const stack = new Synthesized({ alarms: { email: 'ops@example.com' } });
  const alarms = stack.resources('AWS::CloudWatch::Alarm');
  const ids = Object.keys(alarms).map((id) => /^Alarms([A-Za-z]+)[0-9A-F]{8}$/.exec(id)![1]!);
  test('are one for each thing that somebody has to be told', () => {
    assert.deepEqual(ids.sort(), [
      'ArchiveDropped',
      'ArchiveErrors',
      'ArchiveGivenUp',
      'ArchiveIteratorAge',
      'ArchiveRetention',
      'BatchErrors',
      'FailedBuilds',
      'GivenUpWaiting',
      'HorizonLag',
      'IngestErrors',
      'QueryErrors',
      'Rejected',
      'ServerErrors',
      'SpeedDropped',
      'SpeedErrors',
      'SpeedGivenUp',
      'SpeedIteratorAge',
      'SpeedRowExpiry',
      'StreamThrottled',
      'Ticks',
    ]);
  });
  test('reach the address over an encrypted topic', () => {
    const topic = stack.output('AlarmTopic');
    for (const [id, { Properties }] of Object.entries(alarms)) {
      assert.deepEqual(Properties.AlarmActions, [{ Ref: topic }], id);
      assert.ok(Properties.AlarmDescription.length > 20, id);
    }
    const { Protocol, Endpoint } = stack.resource('AWS::SNS::Subscription').Properties;
    assert.deepEqual([Protocol, Endpoint], ['email', 'ops@example.com']);
    assert.ok(stack.resource('AWS::SNS::Topic').Properties.KmsMasterKeyId);
  });
  test('are made of plain metrics, which emulators take as well', () => {
    for (const [id, { Properties }] of Object.entries(alarms)) {
      assert.equal(Properties.Metrics, undefined, id);
      assert.ok(Properties.MetricName, id);
    }
  });
  test('and the dashboard name what the functions measure', () => {
    for (const [name, metrics] of Object.entries(own)) {
      const folder = resolve(import.meta.dirname, '../../functions', name, 'src');
      const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      const texts = files
        .filter((file) => file.endsWith('.rs'))
        .map((file) => readFileSync(join(folder, file), 'utf8'));
      for (const metric of metrics) {
        assert.ok(texts.join().includes(`.with("${metric}", Unit::`), `${name}: ${metric}`);
      }
    }
  });
  test('sound where no tick comes, and not where no event does', () => {
    const of = (id: string) => stack.resource('AWS::CloudWatch::Alarm', `Alarms${id}`).Properties;
    assert.equal(of('Ticks').TreatMissingData, 'breaching');
    assert.equal(of('Ticks').ComparisonOperator, 'LessThanThreshold');
    assert.equal(of('ArchiveIteratorAge').TreatMissingData, 'notBreaching');
    assert.equal(of('ArchiveIteratorAge').Threshold, 600_000);
    assert.equal(of('SpeedRowExpiry').Threshold, 72 * 3_600_000);
  });
});

describe('the code of a function', () => {
  test('is the binary and the SQL, and nothing else of the project', () => {
    const made = sources();
    const project = temporaryFolder();
    mkdirSync(join(project, 'views'));
    mkdirSync(join(project, '.anabranch'));
    for (const file of [
      'schema.sql',
      'views/a.sql',
      'views/a.txt',
      'events.ndjson',
      '.anabranch/x',
    ]) {
      writeFileSync(join(project, file), file);
    }
    const hash = () => {
      const stack = new Stack(new App());
      return functionCode({ ...made, project }, 'arm64', 'speed', true).bind(stack).s3Location!
        .objectKey;
    };
    const first = hash();
    writeFileSync(join(project, 'events.ndjson'), 'other');
    assert.equal(hash(), first);
    writeFileSync(join(project, 'views/a.sql'), 'other');
    assert.notEqual(hash(), first);
  });
  test('is missing with a word on how to make it', () => {
    const empty = { ...sources(), functions: temporaryFolder() };
    assert.throws(
      () => functionCode(empty, 'arm64', 'speed', true),
      (error) => {
        assert.ok(error instanceof SourceError);
        assert.match(error.message, /no function `speed`: .*`make functions` builds them/);
        return true;
      },
    );
    const project = temporaryFolder();
    assert.throws(
      () => functionCode({ ...sources(), project }, 'arm64', 'speed', true),
      /schema\.sql: no such file/,
    );
  });
  test('is built for the machine that it is to run on', () => {
    const functions = temporaryFolder();
    const elf = Buffer.alloc(64);
    elf.write('\x7fELF', 'latin1');
    elf.writeUInt16LE(0x3e, 18);
    writeFileSync(join(functions, 'speed'), elf);
    const made = { ...sources(), functions };
    functionCode(made, 'x86_64', 'speed', true);
    assert.throws(
      () => functionCode(made, 'arm64', 'speed', true),
      /speed was built for x86_64, and `architecture` is arm64: .*`make functions ARCH=arm64`/,
    );
  });
  test('may be what `cargo build` leaves: a file of the function’s name', () => {
    const functions = temporaryFolder();
    for (const name of FUNCTIONS) writeFileSync(join(functions, name), name);
    functionCode({ ...sources(), functions }, 'arm64', 'speed', true);
  });
});

describe('the app', () => {
  const run = (...context: string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', 'bin/anabranch.ts'], {
      cwd: resolve(import.meta.dirname, '..'),
      encoding: 'utf8',
      env: {
        ...process.env,
        CDK_CONTEXT_JSON: JSON.stringify(
          Object.fromEntries(context.map((pair) => pair.split('='))),
        ),
      },
    });
  test('says what is missing or wrong in one line, without a stack trace', () => {
    const none = run();
    assert.deepEqual([none.status, none.stdout], [1, '']);
    assert.equal(
      none.stderr,
      'error: no project: say which to deploy with `make deploy PROJECT=folder`\n',
    );
    const config = join(temporaryFolder(), 'deploy.json');
    writeFileSync(config, '{"epoch": 60}');
    const wrong = run('project=examples/flights', `config=${config}`);
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /^error: .*deploy\.json:\n {2}epoch: 60 is not allowed: .*\n$/);
  });
});
