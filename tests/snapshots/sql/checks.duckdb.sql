-- == not_null order_id
-- profile
SELECT COUNT(*), COUNT("order_id")
FROM "raw"."orders";

-- sample
SELECT "order_id", "country", "amount", "weight", "ordered_at", "is_gift", "payload"
FROM (SELECT *
FROM "raw"."orders"
WHERE "order_id" IS NULL) AS failing LIMIT 20;

-- == unique order_id
-- profile
SELECT COUNT(*), COUNT("order_id")
FROM "raw"."orders";

-- unique: order
SELECT COUNT(*)
FROM (SELECT "order_id" AS v, LAG("order_id") OVER () AS p
FROM "raw"."orders"
WHERE "order_id" IS NOT NULL) AS steps
WHERE v <= p;

-- sample
SELECT "order_id", "country", "amount", "weight", "ordered_at", "is_gift", "payload"
FROM "raw"."orders"
WHERE "order_id" IN (SELECT unique_field
FROM (SELECT "order_id" AS unique_field, COUNT(*) AS n_records
FROM "raw"."orders"
WHERE "order_id" IS NOT NULL
GROUP BY "order_id" HAVING COUNT(*) > 1) AS repeated) ORDER BY "order_id" LIMIT 20;

-- == unique country
-- profile
SELECT COUNT(*), COUNT(CASE WHEN ((amount > 0)) THEN 1 END), COUNT(CASE WHEN ((amount > 0)) THEN 1 END) - COUNT(CASE WHEN ((amount > 0)) THEN "country" END)
FROM "raw"."orders";

-- query
SELECT *
FROM (SELECT sum(n_records)
FROM (SELECT *
FROM (SELECT "country" AS unique_field, COUNT(*) AS n_records
FROM "raw"."orders"
WHERE (amount > 0) AND "country" IS NOT NULL
GROUP BY "country" HAVING COUNT(*) > 1) AS failing LIMIT 10) AS dbt_internal_test) AS asked LIMIT 2;

-- sample
SELECT "order_id", "country", "amount", "weight", "ordered_at", "is_gift", "payload"
FROM "raw"."orders"
WHERE (amount > 0) AND "country" IN (SELECT unique_field
FROM (SELECT "country" AS unique_field, COUNT(*) AS n_records
FROM "raw"."orders"
WHERE (amount > 0) AND "country" IS NOT NULL
GROUP BY "country" HAVING COUNT(*) > 1) AS repeated) ORDER BY "country", "order_id" LIMIT 20;

-- == accepted_values country
-- profile
SELECT COUNT(*), COUNT("country")
FROM "raw"."orders";

-- accepted values
SELECT COUNT(*)
FROM (SELECT 1
FROM "raw"."orders"
GROUP BY "country" HAVING "country" NOT IN ('DE', 'it''s')) AS unaccepted;

-- sample
SELECT "country" AS value_field, COUNT(*) AS n_records
FROM "raw"."orders"
GROUP BY "country" HAVING "country" NOT IN ('DE', 'it''s') ORDER BY n_records DESC, 1 LIMIT 20;

-- == accepted_values order_id
-- profile
SELECT COUNT(*), COUNT("order_id")
FROM "raw"."orders";

-- accepted values
SELECT COUNT(*)
FROM (SELECT 1
FROM "raw"."orders"
GROUP BY "order_id" HAVING "order_id" NOT IN (1, 2)) AS unaccepted;

-- sample
SELECT "order_id" AS value_field, COUNT(*) AS n_records
FROM "raw"."orders"
GROUP BY "order_id" HAVING "order_id" NOT IN (1, 2) ORDER BY n_records DESC, 1 LIMIT 20;

-- == relationships order_id
-- profile
SELECT COUNT(*), COUNT(CASE WHEN ((country = 'DE')) THEN 1 END), COUNT(CASE WHEN ((country = 'DE')) THEN 1 END) - COUNT(CASE WHEN ((country = 'DE')) THEN "order_id" END)
FROM "raw"."orders";

-- relationships: ends
SELECT MIN("id"), MAX("id"), COUNT("id")
FROM "raw"."customers";

-- sample
SELECT "order_id", "country", "amount", "weight", "ordered_at", "is_gift", "payload"
FROM (SELECT *, "order_id" AS tidegate_value
FROM "raw"."orders"
WHERE (country = 'DE') AND "order_id" IS NOT NULL) AS child
WHERE NOT EXISTS (SELECT 1
FROM "raw"."customers" AS parent
WHERE parent."id" = child.tidegate_value) LIMIT 20;

-- == rule 
-- profile
SELECT COUNT(*), COALESCE(COUNT_IF(CASE WHEN ((not is_gift)) THEN NOT (amount >= 0) END), 0), COUNT(CASE WHEN ((not is_gift)) THEN 1 END), COUNT(CASE WHEN ((not is_gift)) THEN (amount >= 0) END)
FROM "raw"."orders";

-- sample
SELECT "order_id", "is_gift", "amount", "country", "weight", "ordered_at", "payload"
FROM (SELECT *
FROM "raw"."orders"
WHERE (not is_gift) AND NOT (amount >= 0)) AS failing LIMIT 20;

-- == row_count 
-- profile
SELECT COUNT(*), COUNT(CASE WHEN ((is_gift)) THEN 1 END)
FROM "raw"."orders";

-- == freshness ordered_at
-- profile
SELECT COUNT(*), COALESCE(EPOCH(MAX("ordered_at")), CASE WHEN COUNT("ordered_at") > 0 THEN CAST('infinity' AS DOUBLE) END)
FROM "raw"."orders";

-- == metric 
-- profile
SELECT COUNT(*), COUNT(CASE WHEN ((is_gift)) THEN 1 END)
FROM "raw"."orders";

-- query
SELECT *
FROM (SELECT sum(amount)
FROM "raw"."orders"
WHERE (is_gift)) AS asked LIMIT 2;

-- == sql 
-- profile
SELECT COUNT(*)
FROM "raw"."orders";

-- query
SELECT *
FROM (SELECT count(*)
FROM (select * from raw.orders where amount < 0) AS dbt_internal_test) AS asked LIMIT 2;

-- sample
SELECT *
FROM (select * from raw.orders where amount < 0) AS failing LIMIT 20;
