import * as assert from 'node:assert/strict';
import { brokerAddress } from '../../src/client/connection-options';

describe('the address of a broker without credentials', () => {
  it('is the URL without them and without query', () => {
    for (const [url, address] of [
      ['mqtt://plant:1883', 'mqtt://plant:1883'],
      ['mqtts://user:word@plant', 'mqtts://plant'],
      ['mqtt://user:w@rd@plant:1883', 'mqtt://plant:1883'],
      ['ws://user:word@plant:9001/mqtt?token=word', 'ws://plant:9001/mqtt'],
      ['mqtt://plant/a@b', 'mqtt://plant/a@b'],
      ['mqtt://[::1]:1883', 'mqtt://[::1]:1883'],
    ] as const) {
      assert.equal(brokerAddress(url), address, url);
    }
  });

  it('shows no password of what is no URL', () => {
    for (const url of [
      'user:word@plant',
      'mqtt:user:word@plant',
      'mqtt://user:a/word@plant',
      'mqtt://user:a#word@plant',
    ]) {
      assert.doesNotMatch(brokerAddress(url), /word/, url);
      assert.match(brokerAddress(url), /plant$/, url);
    }
  });
});
