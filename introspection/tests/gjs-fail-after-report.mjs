// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A stage that fails after it has reported its end: the error is printed, as nobody else gets it.

import Gp from 'gi://Gp?version=1';

function tooLate() {
    throw new Error('too late');
}

const pipeline = new Gp.Pipeline();
pipeline.append(Gp.AsyncStage.new('hasty', async context => {
    context.return_success();
    tooLate();
}));
await pipeline.run_async();
