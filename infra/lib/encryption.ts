/** The key that everything is encrypted with. */

import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Config } from './config.ts';

export class Encryption extends Construct {
  readonly key: Key | undefined;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    if (config.encryptionKey === 'aws') return;
    this.key = new Key(this, 'Key', {
      description: 'Encrypts the data of Anabranch',
      enableKeyRotation: true,
      removalPolicy: config.protection.retain ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    // Alarms are published to an encrypted topic.
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
  }
}
