-- What the index's statements and tables call. Of a word of more than 500 letters, the beginning and a hash stand in
-- the set of words (LONGEST of expression.py).

CREATE FUNCTION place_of(log bigint, number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN log << 40 | number;

CREATE FUNCTION bits_apart(one bytea, other bytea) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN bit_count((('x' || encode(one, 'hex'))::bit(64) # ('x' || encode(other, 'hex'))::bit(64)));

CREATE FUNCTION words_of(text text, look text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN octet_length(array_to_string(found, '')) < 1000000 THEN array_to_tsvector(found) END
    FROM (
        SELECT coalesce(array_agg(CASE WHEN length(word) > 500
            THEN left(word, 500) || ';' || md5(word) ELSE word END), '{}') AS found
        FROM (
            SELECT unnest(string_to_array(text, ' ')) AS word
            UNION SELECT ';' || unnest(string_to_array(look, ' '))
        ) AS both_columns
        WHERE word NOT IN ('', ';')
    ) AS lexemes;
END;

CREATE FUNCTION find_phrases(said text[], phrases text[]) RETURNS TABLE (first integer, size integer)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    phrase text;
    sought text[];
    is_open boolean;
    is_there boolean;
    -- A variable's elements are found at once; those of an argument by going through all before them.
    tokens text[] := said;
BEGIN
    FOREACH phrase IN ARRAY phrases LOOP
        is_open := right(phrase, 1) <> ' ';
        sought := string_to_array(btrim(phrase), ' ');
        size := cardinality(sought);
        FOR start IN 1 .. cardinality(tokens) - size + 1 LOOP
            is_there := true;
            FOR number IN 1 .. size - 1 LOOP
                is_there := tokens[start + number - 1] = sought[number];
                EXIT WHEN NOT is_there;
            END LOOP;
            CONTINUE WHEN NOT is_there;
            IF tokens[start + size - 1] = sought[size]
                OR is_open AND starts_with(tokens[start + size - 1], sought[size]) THEN
                first := start;
                RETURN NEXT;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

CREATE FUNCTION is_near(words text, lefts text[], rights text[], between_them bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT 1
        FROM (SELECT string_to_array(words, ' ') AS said,
            ARRAY(SELECT phrase FROM unnest(lefts) AS phrase WHERE strpos(' ' || words || ' ', phrase) > 0) AS on_left,
            ARRAY(SELECT phrase FROM unnest(rights) AS phrase WHERE strpos(' ' || words || ' ', phrase) > 0) AS on_right
        ) AS there,
        LATERAL find_phrases(said, on_left) AS one, LATERAL find_phrases(said, on_right) AS other
        WHERE other.first - one.first <= one.size + between_them AND one.first - other.first <= other.size + between_them
    );
END;

CREATE FUNCTION count_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'INSERT INTO %1$I AS known SELECT term, %2$s * count(*) FROM (
            SELECT DISTINCT rowid, unnest(string_to_array(text || '' '' || look, '' '')) COLLATE "C" AS term FROM changed
        ) AS said WHERE term <> '''' AND left(term, 1) <> '':'' AND length(term) <= 500 GROUP BY term ORDER BY term
        ON CONFLICT (term) DO UPDATE SET entries = known.entries + excluded.entries',
        TG_TABLE_NAME || '_vocabulary', CASE TG_OP WHEN 'DELETE' THEN -1 ELSE 1 END
    );
    IF TG_OP = 'DELETE' THEN
        EXECUTE format('DELETE FROM %I WHERE entries <= 0', TG_TABLE_NAME || '_vocabulary');
    END IF;
    RETURN NULL;
END
$$;
