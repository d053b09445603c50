-- numbers: first buckets
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), CAST("amount" AS DOUBLE), CAST("weight" AS DOUBLE), (EPOCH("ordered_at") - CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT)) / 3600.0, CAST("country" AS TEXT), CAST("is_gift" AS TEXT), CAST("order_id" AS TEXT)
FROM "raw"."orders"
WHERE "ordered_at" >= CAST('2026-04-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-09 00:00:00+00:00' AS TIMESTAMPTZ) ORDER BY HASH("ordered_at", "amount", "weight", "country", "is_gift", "order_id"), 1, 2, 3, 4, 5, 6, 7 LIMIT 5000;

-- numbers
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), CAST("amount" AS DOUBLE), CAST("weight" AS DOUBLE), (EPOCH("ordered_at") - CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT)) / 3600.0, CAST("discount" AS DOUBLE), CAST("country" AS TEXT)
FROM "raw"."orders"
WHERE (("ordered_at" >= CAST('2026-04-01 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-04 00:00:00+00:00' AS TIMESTAMPTZ)) OR ("ordered_at" >= CAST('2026-04-05 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-11 00:00:00+00:00' AS TIMESTAMPTZ))) AND HASH("ordered_at", "amount", "weight", "discount", "country", "order_id") % 227 = 0;

-- rows again
SELECT CAST(EPOCH(DATE_TRUNC('DAY', MAKE_TIMESTAMP(EPOCH_US("ordered_at")))) AS BIGINT), MIN(HASH("country", "amount"), 256)
FROM "raw"."orders"
WHERE ("ordered_at" >= CAST('2026-04-07 00:00:00+00:00' AS TIMESTAMPTZ) AND "ordered_at" < CAST('2026-04-11 00:00:00+00:00' AS TIMESTAMPTZ))
GROUP BY 1;
