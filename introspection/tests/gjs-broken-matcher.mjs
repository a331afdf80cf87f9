// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Matchers whose function throws, or gives a promise: that is printed, as nobody else gets it, and
// the error stays.

import Gp from 'gi://Gp?version=1';

function matchNothing() {
    throw new RangeError('a bug');
}

for (const func of [matchNothing, async () => Gp.ErrorMatch.YES]) {
    const pipeline = new Gp.Pipeline();
    pipeline.append_ignoring(Gp.CommandStage.new(['false']), Gp.ErrorMatcher.new(func));
    try {
        await pipeline.run_async();
        throw new Error('it should fail');
    } catch (error) {
        if (!Gp.error_matches_exit_status(error, 1))
            throw error;
    }
}
