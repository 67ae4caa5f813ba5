/** A bucket as all of this stack are: encrypted, private, and over TLS only. */

import { Duration } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { type Deployment, removalPolicy } from './deployment.ts';

/** Uploads that were begun and never completed are paid for, and listed nowhere. */
const ABANDONED_UPLOADS = { abortIncompleteMultipartUploadAfter: Duration.days(7) };

export function privateBucket(
  scope: Construct,
  id: string,
  deployment: Deployment,
  props: BucketProps,
): Bucket {
  const { key } = deployment;
  const encryption =
    key === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true };
  return new Bucket(scope, id, {
    ...encryption,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    removalPolicy: removalPolicy(deployment),
    ...props,
    lifecycleRules: [ABANDONED_UPLOADS, ...(props.lifecycleRules ?? [])],
  });
}
