-- What images there are is what hosts say they have: host_images. Nothing was ever written here.
DROP TABLE images;
