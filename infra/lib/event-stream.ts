/** The stream: where an event gets its place, which everything else follows from. */

import { Duration } from 'aws-cdk-lib';
import { Stream, StreamEncryption, StreamMode } from 'aws-cdk-lib/aws-kinesis';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { type Deployment, removalPolicy } from './deployment.ts';

export class EventStream extends Construct {
  readonly stream: Stream;

  constructor(scope: Construct, id: string, deployment: Deployment) {
    super(scope, id);
    const { mode, shards, retentionHours } = deployment.config.stream;
    const capacity =
      mode === 'on-demand'
        ? { streamMode: StreamMode.ON_DEMAND }
        : { streamMode: StreamMode.PROVISIONED, shardCount: shards };
    const encryption =
      deployment.key === undefined
        ? { encryption: StreamEncryption.MANAGED }
        : { encryption: StreamEncryption.KMS, encryptionKey: deployment.key };
    this.stream = new Stream(this, 'Stream', {
      ...capacity,
      ...encryption,
      retentionPeriod: Duration.hours(retentionHours),
      removalPolicy: removalPolicy(deployment),
    });
    if (deployment.key !== undefined) {
      acknowledge(
        this.stream,
        'AwsSolutions-KDS3',
        'One key of the stack’s own for everything that holds events; with `encryptionKey: aws` it is aws/kinesis',
      );
    }
  }
}
