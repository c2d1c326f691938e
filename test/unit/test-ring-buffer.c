/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* RingBuffer, and the OutputQueue made of two of them. */

#include "ring-buffer.h"
#include "supervise/output-queue.h"
#include "test.h"

static size_t take(RingBuffer *b, char *ret, size_t size) {
        struct iovec iov[2];
        size_t n = 0;

        for (int i = 0, k = ring_buffer_peek(b, iov); i < k && n < size; i++) {
                size_t m = MIN(iov[i].iov_len, size - n);

                memcpy(ret + n, iov[i].iov_base, m);
                n += m;
        }
        ring_buffer_consume(b, n);
        ret[n] = 0;
        return n;
}

TEST(order_is_kept_across_the_end) {
        RingBuffer b = {};
        char out[16];

        ASSERT_OK(ring_buffer_init(&b, 8));
        ASSERT_EQ(ring_buffer_write(&b, "abcdef", 6), 6);
        ASSERT_EQ(take(&b, out, 4), 4);
        ASSERT_STREQ(out, "abcd");
        ASSERT_EQ(ring_buffer_write(&b, "ghijklmn", 8), 6);
        ASSERT_EQ(ring_buffer_space(&b), 0);
        ASSERT_EQ(ring_buffer_write(&b, "x", 1), 0);
        ASSERT_EQ(take(&b, out, 15), 8);
        ASSERT_STREQ(out, "efghijkl");
        ASSERT_EQ(b.start, 0);
        ring_buffer_done(&b);
}

TEST(overwrite_keeps_the_newest) {
        RingBuffer b = {};
        char out[16];

        ASSERT_OK(ring_buffer_init(&b, 8));
        ASSERT_EQ(ring_buffer_overwrite(&b, "abcdef", 6), 0);
        ASSERT_EQ(ring_buffer_overwrite(&b, "ghij", 4), 2);
        ASSERT_EQ(take(&b, out, 15), 8);
        ASSERT_STREQ(out, "cdefghij");
        ASSERT_EQ(ring_buffer_overwrite(&b, "0123456789ab", 12), 4);
        ASSERT_EQ(ring_buffer_overwrite(&b, "c", 1), 1);
        ASSERT_EQ(take(&b, out, 15), 8);
        ASSERT_STREQ(out, "56789abc");
        ring_buffer_done(&b);
}

TEST(a_buffer_of_nothing) {
        RingBuffer b = {};
        struct iovec iov[2];

        ASSERT_EQ(ring_buffer_write(&b, "x", 1), 0);
        ASSERT_EQ(ring_buffer_overwrite(&b, "xyz", 3), 3);
        ASSERT_EQ(ring_buffer_peek(&b, iov), 0);
        ring_buffer_consume(&b, 5);
        ring_buffer_done(&b);
}

TEST(random_traffic_against_a_counter) {
        RingBuffer b = {};
        uint8_t in = 0, out = 0, data[64], got[65];

        srandom(1);
        ASSERT_OK(ring_buffer_init(&b, 37));
        for (unsigned i = 0; i < 20000; i++) {
                size_t n = (size_t) random() % sizeof(data), m;

                for (size_t k = 0; k < n; k++)
                        data[k] = (uint8_t) (in + k);
                in = (uint8_t) (in + ring_buffer_write(&b, data, n));
                m = take(&b, (char *) got, (size_t) random() % sizeof(data));
                for (size_t k = 0; k < m; k++)
                        ASSERT_EQ(got[k], out++);
        }
        ring_buffer_done(&b);
}

/* Takes up to size bytes; n bytes at most in one go. */
static size_t drain(OutputQueue *q, char *ret, size_t size, size_t at_once) {
        size_t n = 0;

        while (n < size) {
                struct iovec iov[2];
                size_t m;

                if (output_queue_peek(q, iov) == 0)
                        break;
                m = MIN(iov[0].iov_len, size - n);
                m = MIN(m, at_once);
                memcpy(ret + n, iov[0].iov_base, m);
                output_queue_take(q, m);
                n += m;
        }
        ret[n] = 0;
        return n;
}

TEST(a_lossless_queue_says_when_it_is_full) {
        OutputQueue q;
        char data[1000] = {};
        size_t n = 0;

        ASSERT_OK(output_queue_init(&q, false));
        for (size_t space; (space = output_queue_space(&q)) > 0;) {
                size_t m = MIN(space, sizeof(data));

                output_queue_put(&q, data, m);
                n += m;
        }
        ASSERT_EQ(n, 32768);
        ASSERT_TRUE(!q.overflowed);
        ASSERT_EQ(q.n_dropped, 0);
        output_queue_done(&q);
}

/* What is shown, what the notices admit and what was put add up, and the last bytes are there. */
static void check_lossy(size_t total, size_t at_once) {
        static char out[1 << 20];
        unsigned long long missing;
        OutputQueue q;
        size_t n, put = 0, notice_size;
        char *notice, *end;

        ASSERT_OK(output_queue_init(&q, true));
        for (unsigned line = 0; put < total; line++) {
                char text[32];
                int k = snprintf(text, sizeof(text), "line %08u\r\n", line);

                output_queue_put(&q, text, (size_t) k);
                put += (size_t) k;
        }
        output_queue_put(&q, "login: ", 7);
        put += 7;
        n = drain(&q, out, sizeof(out) - 1, at_once);
        ASSERT_TRUE(output_queue_backlog(&q) == 0);
        ASSERT_TRUE(strncmp(out, "line 00000000\r\n", 15) == 0);
        ASSERT_STREQ(out + n - 7, "login: ");

        notice = strstr(out, "\r\n[nspawn: ");
        if (q.n_dropped == 0) {
                ASSERT_TRUE(!notice);
                ASSERT_EQ(n, put);
        } else {
                ASSERT_TRUE(notice);
                ASSERT_EQ(sscanf(notice, "\r\n[nspawn: %llu bytes of console output", &missing), 1);
                ASSERT_EQ(missing, q.n_dropped);
                end = strstr(notice, "]\r\n") + 3;
                notice_size = (size_t) (end - notice);
                ASSERT_EQ(put, n - notice_size + missing);
                ASSERT_TRUE(strncmp(end, "line ", 5) == 0);
                ASSERT_TRUE(!strstr(end, "nspawn"));
        }
        output_queue_done(&q);
}

TEST(a_lossy_queue_counts_what_it_drops) {
        check_lossy(1000, 100);
        check_lossy(32768, 1000);
        check_lossy(60000, 7);
        check_lossy(70000, 4096);
        check_lossy(10000000, 1);
}

TEST(a_slow_caller_gets_long_stretches) {
        static char out[300000];
        OutputQueue q;
        unsigned notices = 0;
        size_t n = 0;

        ASSERT_OK(output_queue_init(&q, true));
        while (n < 200000) {
                for (unsigned i = 0; i < 100; i++)
                        output_queue_put(&q, "0123456789abcdef 0123456789\r\n", 29);
                n += drain(&q, out + n, 200, 200);
        }
        for (char *p = out; (p = strstr(p, "[nspawn")); p++)
                notices++;
        ASSERT_TRUE(notices > 0 && notices <= 200000 / 30000);
        output_queue_discard(&q);
        ASSERT_TRUE(output_queue_backlog(&q) == 0);
        output_queue_put(&q, "x", 1);
        ASSERT_EQ(drain(&q, out, 10, 10), 1);
        output_queue_done(&q);
}

TEST_MAIN
