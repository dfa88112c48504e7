/* siprouter-schema: prints docs/config.schema.json from the table. */
#include <stdio.h>

#include "control/config_schema.h"

int main(void)
{
    struct sr_buf out;
    sr_buf_init(&out, 1 << 20);
    config_schema_write(&out);
    struct sr_str text = sr_buf_view(&out);
    bool is_fine = sr_buf_err(&out) == SR_OK && fwrite(text.p, 1, text.n, stdout) == text.n &&
                   fflush(stdout) == 0;
    sr_buf_done(&out);
    return is_fine ? 0 : 1;
}
