// SPDX-License-Identifier: LGPL-2.1-or-later

// Bytes in and bytes out, and an exit status that is no failure.

import Gp from 'gi://Gp?version=1';

// File names, each ended by a zero. The first is in Latin-1, which is no valid UTF-8.
const NAMES = Uint8Array.from('caf\xe9\0tea\0', c => c.charCodeAt(0));

function grep(pattern, names) {
    const pipeline = new Gp.Pipeline();

    // Bytes are characters in this locale, so that none of them is invalid.
    pipeline.setenv('LC_ALL', 'C', true);

    const command = pipeline.append_command(['grep', '-az', pattern]);
    // It only found nothing. Any other status is a failure.
    command.accept_exit_status(1);

    return pipeline.communicate_async(names);
}

for (const pattern of ['^c', '^x']) {
    const found = (await grep(pattern, NAMES)).toArray();
    const hex = Array.from(found, byte => byte.toString(16).padStart(2, '0'));
    print([`${pattern}: ${found.length} bytes`, ...hex].join(' '));
}
