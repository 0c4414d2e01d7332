# SPDX-License-Identifier: GPL-2.0-only
# Text in, C string literals out: for #include between = and ;
s/[\\"]/\\&/g
s/^/"/
s/$/\\n"/
