/* The second implementation: rpcgen's. Reads lines "RECORD HEX", decodes the bytes, encodes the value
 * again and compares. Prints "N equal", or the first record that differs. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpc/rpc.h>

#include "guestfs_protocol.h"

static const struct {
  const char *name;
  xdrproc_t codec;
  size_t size;
} records[] = {
/* ROWS */
};

int
main (void)
{
  static char line[1 << 20], in[1 << 19], out[1 << 19];
  size_t count = 0;

  while (fgets (line, sizeof line, stdin)) {
    char *hex = strchr (line, ' ');
    size_t i, len, n = sizeof records / sizeof records[0];
    XDR decoder, encoder;
    void *value;

    *hex++ = '\0';
    len = strcspn (hex, "\n") / 2;
    for (i = 0; i < len; i++) {
      unsigned byte;
      sscanf (hex + 2 * i, "%2x", &byte);
      in[i] = (char) byte;
    }
    for (i = 0; i < n && strcmp (records[i].name, line) != 0; i++)
      ;
    if (i == n)
      return printf ("%s is not in the .x file\n", line), EXIT_FAILURE;
    value = calloc (1, records[i].size);
    xdrmem_create (&decoder, in, (u_int) len, XDR_DECODE);
    if (!records[i].codec (&decoder, value, 0) || xdr_getpos (&decoder) != len)
      return printf ("%s: rpcgen cannot decode %s", line, hex), EXIT_FAILURE;
    xdrmem_create (&encoder, out, sizeof out, XDR_ENCODE);
    if (!records[i].codec (&encoder, value, 0) || xdr_getpos (&encoder) != len || memcmp (in, out, len) != 0)
      return printf ("%s: rpcgen encodes %s otherwise", line, hex), EXIT_FAILURE;
    xdr_free (records[i].codec, value);
    free (value);
    count++;
  }
  printf ("%zu equal\n", count);
  return EXIT_SUCCESS;
}
